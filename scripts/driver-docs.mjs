// Writes a page for each driver from its declaration: npm run driver-docs. With a folder as its argument, there.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? join(ROOT, 'docs/drivers');
const { drivers } = await import(new URL('../dist/src/driver-table.js', import.meta.url));
const schema = JSON.parse(readFileSync(join(ROOT, 'config/cellgate.schema.json'), 'utf8'));
const variants = schema.properties.sensors.items.oneOf;

const BUSES = {
  i2c: 'I2C; `bus: i2c-1`, or `i2c-1/0x70/3` behind a multiplexer',
  'gpio-input': 'a GPIO line; `line: DI0`, `GPIO17` or `gpiochip0:17`',
  'gpio-inputs': 'several GPIO lines of one chip',
  files: "the kernel's files",
  none: 'nothing',
};

const hex = (address) => `0x${address.toString(16).padStart(2, '0')}`;
const escaped = (text) => String(text).replaceAll('|', '\\|');

function typeOf(property) {
  if (property.title) return property.title;
  if ('const' in property) return `\`${property.const}\``;
  if (property.enum) return property.enum.map((one) => `\`${one}\``).join(', ');
  if (property.type === 'array') return 'list';
  return property.type === 'string' ? 'text' : (property.type ?? '');
}

/** What a config needs at least: the keys that have no default. */
function exampleOf(driver, variant) {
  const keys = { name: driver.name, driver: driver.name };
  if (driver.bus === 'i2c')
    Object.assign(keys, { bus: 'i2c-1', address: hex(driver.addresses[0]) });
  if (driver.bus === 'gpio-input') keys.line = 'DI0';
  if (driver.lines) keys.lines = `[${driver.lines.map((_, index) => `DI${index}`).join(', ')}]`;
  const known = { shunt: '0.1', chip: 'cpu_thermal', device: 'ads1015', channel: 'voltage0' };
  for (const key of variant.required) {
    keys[key] ??= known[key] ?? variant.properties[key].enum?.[0] ?? '…';
  }
  return `- { ${Object.entries(keys)
    .map(([key, value]) => `${key}: ${value}`)
    .join(', ')} }`;
}

/** Pins that may be driven. */
function outputsOf({ name, addresses, outputs }) {
  const line = `${name}@i2c-1/${hex(addresses[0])}:${outputs.pins - 1}`;
  const mixed = outputs.alone
    ? 'no sensor may then read the chip'
    : 'a sensor that reads other pins of the chip names them in `pins`';
  return [
    `Its pins, 0 to ${outputs.pins - 1}, may also be outputs; ${mixed}.`,
    '',
    '```yaml',
    'outputs:',
    `  - { name: relay, driver: digital-output, line: ${line} }`,
    '```',
    '',
  ];
}

function pageOf(driver) {
  const variant = variants.find(({ properties }) => properties.driver.const === driver.name);
  if (!variant) {
    console.error(
      `${driver.name} is not in config/cellgate.schema.json: run npm run schema first.`,
    );
    process.exit(1);
  }
  const options = Object.keys(driver.options.shape).map((key) => {
    const property = variant.properties[key];
    const usual = 'default' in property ? `\`${JSON.stringify(property.default)}\`` : '';
    const required = variant.required.includes(key) ? 'required' : usual;
    const cells = [`\`${key}\``, typeOf(property), required, property.description];
    return `| ${cells.map(escaped).join(' | ')} |`;
  });
  return [
    `# ${driver.name}`,
    '',
    'Written by `npm run driver-docs` from the declaration in the driver.',
    '',
    `${driver.summary}.`,
    '',
    `- Reads: ${BUSES[driver.bus]}${driver.lines ? `: ${driver.lines.join(', ')}` : ''}`,
    ...(driver.addresses ? [`- Addresses: ${driver.addresses.map(hex).join(', ')}`] : []),
    ...(driver.datasheet ? [`- Datasheet: <${driver.datasheet}>`] : []),
    '',
    ...(driver.notes ? [driver.notes.join(' '), ''] : []),
    '```yaml',
    'sensors:',
    `  ${exampleOf(driver, variant)}`,
    '```',
    '',
    ...(driver.outputs ? outputsOf(driver) : []),
    '## Values',
    '',
    ...channelsOf(driver),
    ...(options.length === 0
      ? []
      : [
          '## Options',
          '',
          '| key | value | default | meaning |',
          '|---|---|---|---|',
          ...options,
          '',
        ]),
  ].join('\n');
}

function channelsOf(driver) {
  const sample = {
    signal: 'joint-temperature',
    channel: 'voltage0',
    shunt: 0.1,
    chip: 'x',
    device: 'x',
  };
  const wanted = Object.entries(sample).filter(([key, value]) => {
    const option = driver.options.shape[key];
    return option?.safeParse(undefined).success === false && option.safeParse(value).success;
  });
  const channels = driver.channels(driver.options.parse(Object.fromEntries(wanted)));
  const rows = channels.map(({ name, unit, range }) => {
    const topic = name === '' ? "the sensor's own" : `\`${name}\``;
    return `| ${topic} | ${escaped(unit)} | ${range ? range.join(' to ') : ''} |`;
  });
  return ['| topic | unit | range |', '|---|---|---|', ...rows, ''];
}

mkdirSync(folder, { recursive: true });
for (const file of readdirSync(folder)) rmSync(join(folder, file));
for (const driver of drivers.values()) {
  writeFileSync(join(folder, `${driver.name}.md`), `${pageOf(driver).trimEnd()}\n`);
}
