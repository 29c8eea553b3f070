// draw.js FOLDER DASHBOARD… : draws each dashboard in both themes into FOLDER, in Chromium. All of its rows are opened
// first, and no panel may have an error or lack data. The queries go to $PROMETHEUS, at the time $HISTORY_END.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { chromium } from 'playwright-core';
import UPNG from 'upng-js';

const [, , folder, ...dashboards] = process.argv;
const store = new URL(process.env.PROMETHEUS);
const end = Number(process.env.HISTORY_END);

const WIDTH = 1280;
/** The height of a grid unit of a dashboard, and the margins above and below. */
const UNIT = 38;
const MARGIN = 100;
const PATIENCE = 60_000;
const SECONDS = { m: 60, h: 3600, d: 86_400 };
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };
/** Panels that this history does not have data for, each with the reason. */
const EMPTY = {};
/** Grafana's libraries refer to icons that only its server has; they are replaced by empty ones. */
const ICONS = /^\/public\/build\/img\/icons\//;
/** The page's files, including those that Grafana's libraries expect from its server. */
const PUBLIC = [
  [ICONS, 'node_modules/@grafana/ui/dist/public/img/icons/'],
  [/^\/public\/fonts\/inter\/Inter-Regular/, 'node_modules/@fontsource/inter/files/inter-latin-400-normal'],
  [/^\/public\/fonts\/inter\/Inter-Italic/, 'node_modules/@fontsource/inter/files/inter-latin-400-italic'],
  [/^\/public\/fonts\/inter\/Inter-Medium/, 'node_modules/@fontsource/inter/files/inter-latin-500-normal'],
  [/^\/$/, 'dist/index.html'],
  [/^\/assets\//, 'dist/assets/'],
];

/** Serves the page, the dashboards, and the store under one address. */
function serve() {
  const files = Object.fromEntries(dashboards.map((file) => [path.basename(file), file]));
  const server = http.createServer((request, answer) => {
    const { pathname, search } = new URL(request.url, 'http://page');
    if (pathname.startsWith('/store/')) {
      const onward = { host: store.hostname, port: store.port, path: pathname.slice('/store'.length) + search };
      http.get(onward, (found) => {
        answer.writeHead(found.statusCode, found.headers);
        found.pipe(answer);
      }).on('error', () => answer.writeHead(502).end());
      return;
    }
    const file = pathname.startsWith('/dashboard/')
      ? files[path.basename(pathname)]
      : PUBLIC.map(([pattern, place]) => pattern.test(pathname) && path.join(import.meta.dirname, pathname.replace(pattern, place)))
        .find(Boolean);
    if (ICONS.test(pathname) && !fs.existsSync(file)) {
      answer.writeHead(200, { 'content-type': TYPES['.svg'] }).end('<svg xmlns="http://www.w3.org/2000/svg"/>');
      return;
    }
    if (!file || !fs.existsSync(file)) {
      answer.writeHead(404).end();
      return;
    }
    answer.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/json' });
    fs.createReadStream(file).pipe(answer);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** The height of a dashboard, with its closed rows expanded or not. */
function height(dashboard, expand) {
  const closed = dashboard.panels.filter((panel) => panel.type === 'row' && panel.collapsed);
  const bottom = (panels) => Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const inside = closed.map(({ gridPos, panels }) => bottom(panels) - gridPos.y - gridPos.h);
  return (bottom(dashboard.panels) + (expand ? inside.reduce((sum, one) => sum + one, 0) : 0)) * UNIT + MARGIN;
}

/** Waits until everything is requested, answered and drawn; returns the problems. */
async function drawn(page) {
  const late = await page.waitForFunction(() => {
    const { drawing } = window;
    const settled = document.body.dataset.fatal || (drawing?.pending() === 0 && drawing.report().length > 0 && drawing.report().every(({ done }) => done));
    // Drawing ends shortly after the last response.
    window.since = settled ? window.since ?? performance.now() : undefined;
    return settled && performance.now() - window.since > 1000;
  }, undefined, { timeout: PATIENCE, polling: 100 }).then(() => [], (error) => [String(error)]);
  const fatal = await page.evaluate(() => document.body.dataset.fatal);
  if (fatal) {
    return [fatal];
  }
  const panels = await page.evaluate(() => window.drawing?.report() ?? []);
  const wrong = panels.flatMap(({ title, done, rows, errors }) => [
    ...(done ? [] : [`«${title}» is not drawn`]),
    ...errors.map((error) => `«${title}»: ${error}`),
    ...(done && !errors.length && rows === 0 && !EMPTY[title] ? [`«${title}» has nothing to show`] : []),
  ]);
  return [...late, ...wrong];
}

/** A picture with at most 256 colours. */
function small(png) {
  const image = UPNG.decode(png);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, 256));
}

async function main() {
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const wrong = [];
  for (const file of dashboards) {
    const dashboard = JSON.parse(fs.readFileSync(file));
    const [, count, unit] = /^now-(\d+)([mhd])$/.exec(dashboard.time.from);
    for (const [theme, expand] of [['dark', true], ['dark', false], ['light', false]]) {
      const name = `${dashboard.uid}, ${theme}${expand ? ', all rows open' : ''}`;
      const page = await browser.newPage({ viewport: { width: WIDTH, height: height(dashboard, expand) } });
      const said = new Set();
      page.on('console', (message) => message.type() === 'error' && said.add(message.text()));
      page.on('pageerror', (error) => said.add(String(error.stack ?? error)));
      page.on('response', (answer) => answer.status() >= 400 && said.add(`${answer.status()} ${answer.url()}`));
      const [from, to] = [end - count * SECONDS[unit], end].map((seconds) => new Date(seconds * 1000).toISOString());
      const query = new URLSearchParams({ dashboard: path.basename(file), theme, from, to });
      if (expand) {
        query.set('expand', '1');
      }
      await page.goto(`http://127.0.0.1:${server.address().port}/?${query}`);
      const found = [...await drawn(page), ...said];
      wrong.push(...found.map((text) => `${name}: ${text}`));
      const picture = small(await page.screenshot());
      const target = path.join(folder, expand ? `${dashboard.uid}-open.png` : `${dashboard.uid}-${theme}.png`);
      if (!expand || process.env.DRAW_OPEN) {
        fs.writeFileSync(target, picture);
      }
      console.log(`  ${name}: ${Math.round(picture.length / 1000)} kB${found.length ? `, ${found.length} wrong` : ''}`);
      await page.close();
    }
  }
  await browser.close();
  server.close();
  for (const text of wrong) {
    console.error(`    ${text.slice(0, 600)}`);
  }
  process.exitCode = wrong.length ? 1 : 0;
}

await main();
