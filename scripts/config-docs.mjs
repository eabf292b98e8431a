// Writes the reference of the config from its JSON Schema; `npm run schema` makes both.
import { readFileSync } from 'node:fs';

const file = new URL('../config/cellgate.schema.json', import.meta.url);
const root = JSON.parse(readFileSync(file, 'utf8'));

/** The schema behind a reference. */
function resolved(schema) {
  const name = schema.$ref?.replace('#/definitions/', '');
  return name ? { ...root.definitions[name], ...schema, $ref: undefined } : schema;
}

/** A type in one or two words. */
function typeOf(given) {
  const schema = resolved(given);
  if (schema.title) return schema.title;
  if ('const' in schema) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map((one) => `\`${written(one, schema)}\``).join(', ');
  if (schema.type === 'integer') {
    const bounded = schema.maximum < Number.MAX_SAFE_INTEGER;
    return bounded ? `${schema.minimum} to ${schema.maximum}` : 'whole number';
  }
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object') return 'map';
  const types = [schema.type ?? ''].flat();
  return types.map((type) => (type === 'string' ? 'text' : type)).join(' or ');
}

/** What a key allows beside another key, where that is less; empty otherwise. */
function restriction(schema, key) {
  const less = schema.then?.properties?.[key];
  return less ? `; with \`${schema.if.required[0]}\`: ${typeOf(less)}` : '';
}

/** Addresses are read in hex, everything else as it stands in the file. */
function written(value, schema) {
  if (schema.description?.startsWith('I2C address')) return `0x${value.toString(16)}`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** One table of keys, then a section for each map or list of maps in it. `path` is where the keys stand in the file. */
function section(heading, schema, { skipped = [], path = [] } = {}) {
  const { properties = {}, required = [] } = schema;
  const keys = Object.keys(properties).filter(
    (key) => !skipped.includes(key) && !properties[key].deprecated,
  );
  if (keys.length === 0) return [];
  const rows = keys.map((key) => {
    const one = resolved(properties[key]);
    const nested = one.type === 'object' || one.type === 'array';
    const plain = 'default' in one && !nested ? `\`${written(one.default, one)}\`` : '';
    const usual = required.includes(key) ? 'required' : plain;
    const type = `${typeOf(properties[key])}${restriction(schema, key)}`;
    const cells = [`\`${key}\``, type, usual, one.description ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| key | value | default | what it says |', '|---|---|---|---|', ...rows, ''];
  return [
    `${heading}`,
    '',
    ...table,
    ...keys.flatMap((key) => nestedSections([...path, key], properties[key])),
  ];
}

function nestedSections(path, given) {
  const key = path.at(-1);
  const schema = resolved(given);
  const items = schema.items && !Array.isArray(schema.items) ? resolved(schema.items) : undefined;
  if (key === 'sensors') return sensorSections(items.oneOf);
  if (key === 'filters') return [];
  return section(`## ${path.join('.')}`, items ?? schema, { path });
}

/** What all sensors share, then what each driver adds, then the filters. */
function sensorSections(variants) {
  const [first, ...others] = variants;
  const shared = Object.keys(first.properties).filter((key) =>
    others.every(({ properties }) => key in properties),
  );
  const properties = Object.fromEntries(
    shared.map((key) => [key, key === 'driver' ? driverKey(variants) : first.properties[key]]),
  );
  const lists = resolved(first.properties.filters).anyOf.map(resolved);
  const filter = resolved(lists.find(({ type }) => type === 'array').items);
  return [
    ...section('## sensors', { properties, required: first.required }),
    ...variants.flatMap((variant) => {
      const { const: name, description } = variant.properties.driver;
      return [
        `### ${name}`,
        '',
        description,
        '',
        ...section('', variant, { skipped: shared }).slice(2),
      ];
    }),
    ...section('## filters', filter),
  ];
}

function driverKey(variants) {
  const names = variants.map(({ properties }) => properties.driver.const);
  return { enum: names, description: 'What reads the sensor; adds the keys below.' };
}

const lines = [
  '# Configuration',
  '',
  'Written by `scripts/config-docs.mjs` from the descriptions in the schema; `config/cellgate.yaml` is a commented example.',
  '',
  'The file is YAML and strict: `cellgate check` names every unknown key and wrong value with its line.',
  'Durations are written `10ms`, `1s`, `5m`, `2h` or `7d`, sizes `64KiB`, `1MiB` or `1GiB`.',
  '',
  ...section('## The whole file', root),
];
process.stdout.write(`${lines.join('\n').trimEnd()}\n`);
