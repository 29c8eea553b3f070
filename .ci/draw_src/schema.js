// schema.js DASHBOARD… : validates dashboards against Grafana's own schema package, including the options of panels.
// This finds misspelt options and invalid values.
import fs from 'node:fs';
import path from 'node:path';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const types = path.join(import.meta.dirname, 'node_modules/@grafana/schema/dist/types/raw');
/** Values that Grafana itself reads and writes, though its schema lacks them: a variable's query as text, a data
 * source that is not chosen yet, and ranges that are computed for each field alone. */
const GAPS = [
  [/\/templating\/list\/\d+$/, /"additionalProperty":"definition"/],
  [/\/templating\/list\/\d+\/current$/, /"missingProperty":"(text|value)"/],
  [/\/fieldConfig\/defaults$/, /"additionalProperty":"fieldMinMax"/],
];

const ajv = new Ajv({ strict: false, allErrors: true });

/** The schema of a type. All options have defaults, so none is required. */
function schemaOf(file, type, isOptions) {
  const schema = createGenerator({ path: path.join(types, file), type, skipTypeCheck: true }).createSchema(type);
  const relax = (value) => {
    if (value && typeof value === 'object') {
      delete value.required;
      Object.values(value).forEach(relax);
    }
  };
  if (isOptions) {
    relax(schema);
  }
  return schema;
}

const dashboards = 'dashboard/x/types.gen.d.ts';
ajv.addSchema({ ...schemaOf(dashboards, 'Dashboard'), $id: 'dashboard' });

const known = new Map();

/** The validator for the options of a panel or of its fields; none where Grafana does not define them. */
function ofPanel(kind, type) {
  const key = `${kind} ${type}`;
  if (!known.has(key)) {
    const file = `composable/${kind}/panelcfg/x/types.gen.d.ts`;
    const text = fs.existsSync(path.join(types, file)) ? fs.readFileSync(path.join(types, file), 'utf8') : '';
    const isThere = new RegExp(`export (interface|type) ${type}\\b`).test(text);
    known.set(key, isThere ? ajv.compile(schemaOf(file, type, true)) : undefined);
  }
  return known.get(key);
}

/** Grafana omits nulls, except where null is a value. */
function withoutNulls(value) {
  if (Array.isArray(value)) {
    return value.map((one) => withoutNulls(one));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const kept = Object.entries(value).filter(([key, one]) => one !== null || key === 'value' || key === 'index');
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutNulls(one)]));
}

function check(file) {
  const { panels, ...dashboard } = withoutNulls(JSON.parse(fs.readFileSync(file)));
  const wrong = [];
  const hold = (validate, where, value) => {
    if (validate && !validate(value)) {
      const said = validate.errors.map(({ instancePath, message, params }) => [instancePath, message, JSON.stringify(params)]);
      const isGap = ([place, , params]) => GAPS.some(([places, what]) => places.test(place) && what.test(params));
      wrong.push(...said.filter((one) => !isGap(one)).map((one) => where + one.join(' ')));
    }
  };
  hold(ajv.getSchema('dashboard#/definitions/Dashboard'), 'dashboard ', dashboard);
  for (const panel of panels.flatMap((one) => [one, ...(one.panels ?? [])])) {
    const where = `${panel.type} «${panel.title}» `;
    if (panel.type === 'row') {
      hold(ajv.getSchema('dashboard#/definitions/RowPanel'), where, { ...panel, panels: [] });
      continue;
    }
    hold(ajv.getSchema('dashboard#/definitions/Panel'), where, panel);
    hold(ofPanel(panel.type, 'Options'), `${where}options `, panel.options ?? {});
    hold(ofPanel(panel.type, 'FieldConfig'), `${where}custom `, panel.fieldConfig?.defaults?.custom ?? {});
    const overrides = panel.fieldConfig?.overrides?.flatMap(({ properties }) => properties) ?? [];
    const custom = overrides.filter(({ id }) => id.startsWith('custom.')).map(({ id, value }) => [id.slice('custom.'.length), value]);
    for (const [name, value] of custom) {
      hold(ofPanel(panel.type, 'FieldConfig'), `${where}override of ${name} `, { [name]: value });
    }
  }
  return wrong;
}

let count = 0;
for (const file of process.argv.slice(2)) {
  const wrong = check(file);
  count += wrong.length;
  console.log(`  ${path.basename(file)}: ${wrong.length ? `${wrong.length} mistakes` : 'valid'}`);
  wrong.slice(0, 20).forEach((text) => console.error(`    ${text}`));
}
process.exitCode = count ? 1 : 0;
