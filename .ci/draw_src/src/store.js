// The data source: queries Prometheus' HTTP API and converts the results into Grafana's frames, like Grafana's own.
import { DataSourceApi, FieldType, LoadingState, createDataFrame, rangeUtil } from '@grafana/data';
import { sceneGraph } from '@grafana/scenes';
import { from } from 'rxjs';

/** Seconds between scrapes, as in the data source's settings. */
const SCRAPE = 240;

export const SETTINGS = {
  id: 1, uid: 'store', name: 'Prometheus', type: 'prometheus', access: 'proxy', readOnly: true, isDefault: true, jsonData: {},
  meta: { id: 'prometheus', name: 'Prometheus', type: 'datasource', metrics: true, info: { logos: {} } },
};

/** The number of pending requests. */
export const traffic = { pending: 0 };

async function ask(path, parameters) {
  traffic.pending += 1;
  try {
    const answer = await (await fetch(`/store/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
    if (answer.status !== 'success') {
      throw new Error(answer.error);
    }
    return answer.data;
  } finally {
    traffic.pending -= 1;
  }
}

const number = (text) => ({ '+Inf': Infinity, '-Inf': -Infinity })[text] ?? Number(text);

/** The text that Grafana's data source writes for a variable without a format. */
function written(value, variable) {
  const escaped = (text) => String(text)
    .replace(/\\/g, '\\\\\\\\').replace(/"/g, '\\\\\\"').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
  if (Array.isArray(value)) {
    return value.length === 1 ? escaped(value[0]) : `(${value.map(escaped).join('|')})`;
  }
  if (variable.multi || variable.includeAll) {
    return escaped(value);
  }
  return String(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"');
}

const sceneOf = (request) => request?.scopedVars?.__sceneObject?.value?.valueOf?.();

function interpolate(text, request, builtIn) {
  const filled = text.replace(/\$(?:\{(__\w+)\}|(__\w+))/g, (all, braced, plain) => builtIn[braced ?? plain] ?? all);
  const scene = sceneOf(request);
  return scene ? sceneGraph.interpolate(scene, filled, request.scopedVars, written) : filled;
}

function name(format, { __name__: metric, ...labels }) {
  if (format && format !== '__auto') {
    return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
  }
  return `${metric ?? ''}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(', ')}}`;
}

/** A frame with a row for each sample. */
function tableFrame(refId, valueName, series) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const rows = series.flatMap(({ metric, values }) => values.map((sample) => ({ metric, sample })));
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: rows.map(({ sample }) => sample[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: rows.map(({ metric }) => metric[label] ?? '') })),
      { name: valueName, type: FieldType.number, values: rows.map(({ sample }) => number(sample[1])) },
    ],
  });
}

/** A frame for each series, with a gap where a sample is missing. */
function seriesFrame(refId, format, { metric, values }, start, end, step) {
  const known = new Map(values.map(([time, value]) => [Math.round(time * 1000), number(value)]));
  const times = [...known.keys()];
  if (step) {
    times.length = 0;
    for (let time = start; time <= end; time += step) {
      times.push(Math.round(time * 1000));
    }
  }
  const { __name__: _, ...labels } = metric;
  return createDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: (step ?? 0) * 1000 }, values: times },
      {
        name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: name(format, metric) },
        values: times.map((time) => known.get(time) ?? null),
      },
    ],
  });
}

/** Converts cumulative buckets into separate ones, lowest first. */
function buckets(frames) {
  const bound = (frame) => number(frame.fields[1].labels.le);
  const sorted = [...frames].sort((one, other) => bound(one) - bound(other));
  return sorted.map((frame, index) => {
    const [time, value] = frame.fields;
    const below = index > 0 ? sorted[index - 1].fields[1].values : [];
    const values = value.values.map((count, at) => (count === null ? null : Math.max(0, count - (below[at] ?? 0))));
    return { ...frame, fields: [time, { ...value, values }] };
  });
}

export class Store extends DataSourceApi {
  constructor() {
    super(SETTINGS);
    this.meta = SETTINGS.meta;
  }

  testDatasource() {
    return Promise.resolve({ status: 'success', message: '' });
  }

  query(request) {
    return from(this.answer(request));
  }

  async answer(request) {
    const start = request.range.from.valueOf() / 1000;
    const end = request.range.to.valueOf() / 1000;
    const targets = request.targets.filter((target) => target.expr && !target.hide);
    const data = [];
    for (const target of targets) {
      const least = target.interval ? rangeUtil.intervalToSeconds(target.interval) : 0;
      const step = Math.max(SCRAPE, least, Math.ceil((end - start) / (request.maxDataPoints ?? 500)));
      const seconds = Math.round(end - start);
      const query = interpolate(target.expr, request, {
        __interval: `${step}s`, __rate_interval: `${Math.max(step + SCRAPE, 4 * SCRAPE)}s`, __range: `${seconds}s`, __range_s: seconds,
      });
      const instant = target.instant && !target.range;
      const found = instant
        ? await ask('query', { query, time: end })
        : await ask('query_range', { query, start, end, step });
      const rows = found.resultType === 'scalar' ? [{ metric: {}, value: found.result }] : found.result;
      const series = rows.map(({ metric, values, value }) => ({ metric, values: values ?? [value] }));
      if (target.format === 'table') {
        data.push(tableFrame(target.refId, targets.length > 1 ? `Value #${target.refId}` : 'Value', series));
        continue;
      }
      const frames = series.map((one) => seriesFrame(target.refId, target.legendFormat, one, start, end, instant ? null : step));
      data.push(...(target.format === 'heatmap' ? buckets(frames) : frames));
    }
    return { data, state: LoadingState.Done };
  }

  async metricFindQuery(query, options) {
    const text = interpolate(typeof query === 'string' ? query : query.query, options, {});
    const found = /^label_values\((?:(.+),)?\s*(\w+)\s*\)$/s.exec(text.trim());
    if (!found) {
      throw new Error(`the query of a variable is not understood: ${text}`);
    }
    const parameters = found[1] ? { 'match[]': found[1] } : {};
    if (options?.range) {
      parameters.start = options.range.from.valueOf() / 1000;
      parameters.end = options.range.to.valueOf() / 1000;
    }
    return (await ask(`label/${found[2]}/values`, parameters)).map((value) => ({ text: value, value }));
  }
}
