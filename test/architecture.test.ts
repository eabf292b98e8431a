import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from './support/gateway.ts';

/** The rooms from the ground up: each imports only from those before it. One of an inner list knows nothing of its neighbours. */
const ROOMS: readonly (readonly string[])[] = [
  ['ground'],
  ['src/buses', 'src/store'],
  ['src/measuring'],
  ['src/driver.ts'],
  ['drivers'],
  ['src/drivers.ts'],
  ['src/config'],
  ['src/access'],
  ['src/sensing', 'src/acting', 'src/broker'],
  ['src/uplink'],
  ['src/appliance'],
  ['src/http'],
  ['src/page'],
  ['src/main.ts'],
  ['src/cli', 'src/cli.ts'],
];
const GROUND = [
  'reading',
  'topics',
  'units',
  'clock',
  'control',
  'latency',
  'lifecycle',
  'log',
  'origin',
  'owned-file',
  'secrets',
  'sequence',
  'state',
  'version',
];

/** Who may load which module; types cost nothing and are free. */
const RESERVED: Readonly<Record<string, readonly string[]>> = {
  aedes: [
    'src/broker/control-plane.ts',
    'src/broker/control-stream.ts',
    'src/store/aedes-persistence.ts',
  ],
  'better-sqlite3': ['src/store/database.ts'],
  'i2c-bus': ['src/buses/i2c.ts'],
  onoff: ['src/buses/gpio-sysfs.ts'],
  ioctl: ['src/buses/gpio-kernel.ts'],
  epoll: ['src/buses/gpio-kernel.ts'],
  'unix-dgram': ['src/appliance/supervision.ts'],
  mqtt: ['src/uplink/plant.ts', 'src/page/gateway.ts'],
  uplot: ['src/page/chart.ts'],
  commander: ['src/cli/program.ts'],
  'prom-client': ['src/http/metrics.ts'],
};

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

const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(join(REPOSITORY, from), 'utf8');
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

function roomOf(file: string): string {
  const ground = /^src\/([a-z-]+)\.ts$/.exec(file)?.[1];
  if (ground !== undefined && GROUND.includes(ground)) return 'ground';
  if (file.startsWith('drivers/')) return 'drivers';
  return /^src\/[a-z-]+\//.exec(file)?.[0].slice(0, -1) ?? file;
}

const floorOf = (room: string): number => ROOMS.findIndex((rooms) => rooms.includes(room));

describe('the house', () => {
  test('every file is in a room', () => {
    expect(files.filter((file) => floorOf(roomOf(file)) < 0)).toEqual([]);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  test('arrows go down', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!files.includes(to)) return false;
      const [here, there] = [roomOf(from), roomOf(to)];
      // The program is the door to the room of verbs.
      if (here === there || (from === 'src/cli.ts' && there === 'src/cli')) return false;
      return floorOf(there) >= floorOf(here);
    });
    expect(wrong).toEqual([]);
  });

  test('a driver imports nothing but what drivers are given', () => {
    const own = imports.filter(({ from }) => from.startsWith('drivers/'));
    expect([...new Set(own.map(({ to }) => to))]).toEqual(['src/driver.ts']);
  });

  test.each(Object.entries(RESERVED))('%s is loaded only where it belongs', (module, allowed) => {
    const users = imports.filter(({ to, typeOnly }) => to === module && !typeOnly);
    expect(users.map(({ from }) => from).filter((from) => !allowed.includes(from))).toEqual([]);
    for (const file of allowed) expect(files).toContain(file);
  });

  test('no room has a lumber-room', () => {
    expect(files.filter((file) => /utils?|helpers?|misc|common|index\.ts/.test(file))).toEqual([]);
  });
});
