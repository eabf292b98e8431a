import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from './support/gateway.ts';
import { circles, longFunctions } from './support/source-tree.ts';

/** Modules from the lowest layer up: each imports only from the layers above it in this list, never from its own layer. */
const LAYERS: readonly (readonly string[])[] = [
  ['src/base'],
  ['src/mqtt', 'src/queue', 'src/buses', 'src/audit'],
  ['src/store'],
  ['src/driver-kit'],
  ['drivers'],
  ['src/driver-table.ts'],
  ['src/config'],
  ['src/net', 'src/access'],
  ['src/sensors', 'src/outputs', 'src/alarms', 'src/simulation', 'src/broker'],
  ['src/uplink'],
  ['src/runtime', 'src/history', 'src/home-assistant'],
  ['src/http'],
  ['src/page'],
  ['src/main.ts'],
  ['src/cli', 'src/cli.ts'],
];

/** Who may load which module; types cost nothing and are free. */
const RESERVED: Readonly<Record<string, readonly string[]>> = {
  aedes: [
    'src/broker/control/control-plane.ts',
    'src/broker/control/control-stream.ts',
    'src/broker/control/aedes-persistence.ts',
  ],
  'better-sqlite3': ['src/store/database/sqlite.ts'],
  'i2c-bus': ['src/buses/i2c.ts'],
  onoff: ['src/buses/gpio-sysfs.ts'],
  ioctl: ['src/buses/gpio-kernel.ts'],
  epoll: ['src/buses/gpio-kernel.ts'],
  'unix-dgram': ['src/runtime/systemd.ts'],
  mqtt: ['src/uplink/plant-client.ts', 'src/page/gateway.ts'],
  'mqtt-packet': ['src/broker/control/control-plane.ts'],
  uplot: ['src/page/chart.ts', 'src/page/sensor/signal-chart.ts'],
  commander: ['src/cli/program.ts'],
  'prom-client': ['src/http/metrics.ts'],
};

const LONGEST_FILE = 320;
const LONGEST_FUNCTION = 80;

interface Import {
  readonly from: string;
  /** A path inside the repository, or the name of a module. */
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = ['src', 'drivers'].flatMap((folder) =>
  readdirSync(join(REPOSITORY, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`),
);
const textOf = (file: string): string => readFileSync(join(REPOSITORY, file), 'utf8');

const imports: readonly Import[] = files.flatMap((from) => {
  const text = textOf(from);
  const found = [
    ...text.matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gms),
    ...text.matchAll(/\bimport\(()'([^']+)'\)/g),
  ];
  return found.map(([, type, specifier = '']) => ({
    from,
    to: specifier.startsWith('.')
      ? relative(REPOSITORY, resolve(REPOSITORY, dirname(from), specifier))
      : specifier,
    typeOnly: Boolean(type),
  }));
});
const inside = imports.filter(({ to }) => files.includes(to));

function moduleOf(file: string): string {
  if (file.startsWith('drivers/')) return 'drivers';
  return /^src\/[a-z-]+\//.exec(file)?.[0].slice(0, -1) ?? file;
}

const layerOf = (module: string): number => LAYERS.findIndex((modules) => modules.includes(module));

describe('module dependencies', () => {
  test('every file is in a module', () => {
    expect(files.filter((file) => layerOf(moduleOf(file)) < 0)).toEqual([]);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  test('arrows go down', () => {
    const wrong = inside.filter(({ from, to }) => {
      const [here, there] = [moduleOf(from), moduleOf(to)];
      // The program starts the verbs.
      if (here === there || (from === 'src/cli.ts' && there === 'src/cli')) return false;
      return layerOf(there) >= layerOf(here);
    });
    expect(wrong).toEqual([]);
  });

  test('no files import each other in a circle, not even types', () => {
    expect(circles(inside)).toEqual([]);
  });

  test('no inner modules import each other in a circle', () => {
    const innerOf = (file: string): string => dirname(file);
    const edges = inside
      .map(({ from, to }) => ({ from: innerOf(from), to: innerOf(to) }))
      .filter(({ from, to }) => from !== to && moduleOf(`${from}/`) === moduleOf(`${to}/`))
      // The files directly in a module use its inner modules.
      .filter(({ from, to }) => from !== moduleOf(`${from}/`) && to !== moduleOf(`${to}/`));
    expect(circles(edges)).toEqual([]);
  });

  test('a driver imports nothing but what drivers are given', () => {
    const own = imports.filter(({ from }) => from.startsWith('drivers/'));
    expect([...new Set(own.map(({ to }) => to))]).toEqual(['src/driver-kit/driver.ts']);
  });

  test.each(Object.entries(RESERVED))('%s is loaded only where it belongs', (module, allowed) => {
    const users = imports.filter(({ to, typeOnly }) => to === module && !typeOnly);
    expect(users.map(({ from }) => from).filter((from) => !allowed.includes(from))).toEqual([]);
    for (const file of allowed) expect(files).toContain(file);
  });

  test('no utils, helpers or index files', () => {
    expect(files.filter((file) => /utils?|helpers?|misc|common|index\.ts/.test(file))).toEqual([]);
  });
});

describe('sizes', () => {
  test(`no file has more than ${LONGEST_FILE} lines`, () => {
    const long = files.filter((file) => textOf(file).split('\n').length - 1 > LONGEST_FILE);
    expect(long).toEqual([]);
  });

  test(`no function has more than ${LONGEST_FUNCTION} lines without its reason beside it`, () => {
    const long = files.flatMap((file) => longFunctions(file, textOf(file), LONGEST_FUNCTION));
    expect(long.filter(({ reason }) => !reason)).toEqual([]);
  });
});
