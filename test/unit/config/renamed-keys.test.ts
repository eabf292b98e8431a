import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { differences, needsRestart } from '../../../src/config/difference.ts';
import { jsonSchema } from '../../../src/config/json-schema.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/yaml/problem.ts';
import { RENAMED_KEYS } from '../../../src/config/yaml/renamed-keys.ts';
import { drivers } from '../../../src/driver-table.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures/old-keys');
const OLD_NAMES = RENAMED_KEYS.flatMap(({ keys }) => Object.keys(keys));

const OLD = `cell: robotcell1
broker:
  limits:
    queuedMessages: 1000
    queuedBytes: 1MiB
    queuedAge: 1h
    queueFull: drop-newest
    keepalive: 5m
uplinks:
  - { name: plant, url: mqtt://plant.example, retry: 10s, routes: [{ out: '#', to: plant/ }] }
  - { name: scada, url: mqtt://scada.example, retry: 20s, routes: [{ out: '#', to: scada/ }] }
`;
const NEW = `cell: robotcell1
broker:
  limits:
    queue: { messages: 1000, bytes: 1MiB, age: 1h, full: drop-newest }
    tcpKeepalive: 5m
uplinks:
  - { name: plant, url: mqtt://plant.example, reconnectMax: 10s, routes: [{ out: '#', to: plant/ }] }
  - { name: scada, url: mqtt://scada.example, reconnectMax: 20s, routes: [{ out: '#', to: scada/ }] }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cellgate-renamed-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function load(text: string) {
  writeFileSync(path.join(folder, 'c.yaml'), text);
  const { config, problems, warnings } = await loadConfig('c.yaml', fakeDrivers, folder);
  return {
    config,
    problems: problems.map((one) => formatProblem(one)),
    warnings: warnings.map((one) => formatProblem(one)),
  };
}

const LIMITS = (limits: string): string => `cell: robotcell1\nbroker:\n  limits:\n${limits}`;

describe('a config with old names', () => {
  it('has the same values as one with the new names, and a warning for each use', async () => {
    const [before, after] = [await load(OLD), await load(NEW)];
    expect([before.problems, after.problems, after.warnings]).toEqual([[], [], []]);
    expect(before.config).toEqual(after.config);
    expect(before.config!.broker.limits).toMatchObject({
      queue: { messages: 1000, bytes: 1_048_576, age: 3_600_000, full: 'drop-newest' },
      tcpKeepalive: 300_000,
    });
    expect(before.config!.uplinks.map(({ reconnectMax }) => reconnectMax)).toEqual([
      10_000, 20_000,
    ]);
    expect(before.warnings.map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      'c.yaml:4:5 broker.limits.queuedMessages',
      'c.yaml:5:5 broker.limits.queuedBytes',
      'c.yaml:6:5 broker.limits.queuedAge',
      'c.yaml:7:5 broker.limits.queueFull',
      'c.yaml:8:5 broker.limits.keepalive',
      'c.yaml:10:47 uplinks[0].retry',
      'c.yaml:11:47 uplinks[1].retry',
    ]);
  });

  it.each([
    ['old to new', OLD, NEW],
    ['new to old', NEW, OLD],
  ])('is no change for a reload, %s', async (_, from, to) => {
    const [before, after] = [(await load(from)).config!, (await load(to)).config!];
    expect(differences(before, after)).toEqual([]);
    expect(needsRestart(before, after)).toBeUndefined();
  });

  it('may have some keys by the old name and others by the new one', async () => {
    const { config, problems, warnings } = await load(
      LIMITS('    queuedMessages: 1000\n    queue: { bytes: 1MiB }\n    tcpKeepalive: 5m\n'),
    );
    expect(problems).toEqual([]);
    expect(warnings).toEqual([
      'c.yaml:4:5: broker.limits.queuedMessages: warning: renamed to broker.limits.queue.messages, write queue: { messages: 1000, bytes: 1MiB } instead; the next version may refuse the old name',
    ]);
    expect(config!.broker.limits).toMatchObject({
      queue: { messages: 1000, bytes: 1_048_576, age: 604_800_000, full: 'drop-oldest' },
      tcpKeepalive: 300_000,
    });
  });

  it('says what to write, also for values that need quotes or are too long', async () => {
    const remedies = async (limits: string): Promise<(string | undefined)[]> =>
      (await load(LIMITS(limits))).warnings.map((line) => /, write (.*) instead;/.exec(line)?.[1]);
    expect(await remedies('    keepalive: "5"\n')).toEqual(['tcpKeepalive: "5"']);
    expect(await remedies('    keepalive: {}\n')).toEqual(['tcpKeepalive: …']);
    const [long] = await remedies(`    queuedBytes: ${'9'.repeat(500)}KiB\n`);
    expect(long).toMatch(/^queue: \{ bytes: 9{40}…9+KiB \}$/);
  });

  it('has them in merged maps too, which are warned of where they are written', async () => {
    const { config, problems, warnings } = await load(`cell: robotcell1
uplinks:
  - &plant
    name: plant
    url: mqtt://plant.example
    retry: 10s
    routes: [{ out: '#', to: plant/ }]
  - <<: *plant
    name: scada
    url: mqtt://scada.example
`);
    expect(problems).toEqual([]);
    expect(config!.uplinks.map(({ reconnectMax }) => reconnectMax)).toEqual([10_000, 10_000]);
    expect(warnings.map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      'c.yaml:6:5 uplinks[0].retry',
      'c.yaml:6:5 uplinks[1].retry',
    ]);
  });

  it('is not searched for old names where a list is far too long', async () => {
    const uplink = '  - { retry: 1s, reconnectMax: 2s }\n';
    const { problems, warnings } = await load(`cell: a\nuplinks:\n${uplink.repeat(1001)}`);
    expect(warnings).toEqual([]);
    expect(problems.filter((line) => line.includes('by its new name'))).toEqual([]);
    expect(problems).toContainEqual(expect.stringContaining('at most 16 uplinks'));
  });

  it('leaves keys of the same name elsewhere alone', async () => {
    const { config, warnings } = await load(
      NEW.replaceAll('reconnectMax: 10s', 'reconnectMax: 10s, keepalive: 20s'),
    );
    expect(warnings).toEqual([]);
    expect(config!.uplinks[0]!.keepalive).toBe(20_000);
  });

  it.each(OLD_NAMES)('may not give %s by both names', async (old) => {
    const { within, keys } = RENAMED_KEYS.find((one) => Object.hasOwn(one.keys, old))!;
    const [both, before] = [parse(NEW), parse(OLD)];
    const mapOf = (config: typeof both) =>
      within[0] === 'uplinks' ? config.uplinks[0] : config.broker.limits;
    mapOf(both)[old] = mapOf(before)[old];
    const { config, problems } = await load(stringify(both));
    expect(config).toBeUndefined();
    expect(problems).toEqual([
      expect.stringMatching(
        new RegExp(
          `^c\\.yaml:(\\d+):\\d+: [^:]*${old}: given in line \\1 and by its new name [^ ]*${keys[old]!.join('\\.')} in line \\d+, expected only the new name$`,
        ),
      ),
    ]);
  });
});

describe.each(['cellgate', 'sim'])('config/%s.yaml of the version before', (name) => {
  it('uses every old name', () => {
    const text = readFileSync(path.join(FIXTURES, `${name}.yaml`), 'utf8');
    expect(OLD_NAMES.filter((old) => !text.includes(` ${old}: `))).toEqual([]);
  });

  it('loads with warnings only', async () => {
    for (const table of [fakeDrivers, drivers]) {
      const { config, problems, warnings } = await loadConfig(`${name}.yaml`, table, FIXTURES);
      expect(problems).toEqual([]);
      expect(config!.broker.limits.queue.messages).toBe(1000);
      expect(warnings.map(({ path: at }) => at)).toEqual([
        'broker.limits.queuedMessages',
        'broker.limits.queuedBytes',
        'broker.limits.queuedAge',
        'broker.limits.queueFull',
        'broker.limits.keepalive',
        'uplinks[0].retry',
      ]);
    }
  });
});

it('the JSON Schema marks old names as deprecated and gives them no default', () => {
  const { properties } = jsonSchema(fakeDrivers) as {
    properties: Record<
      string,
      { properties: Record<string, { properties: object }>; items: object }
    >;
  };
  const maps = [properties.broker!.properties.limits, properties.uplinks!.items];
  for (const [index, { keys }] of RENAMED_KEYS.entries()) {
    const { properties: found } = maps[index] as { properties: Record<string, object> };
    for (const [old, to] of Object.entries(keys)) {
      expect(found[old]).toMatchObject({
        deprecated: true,
        description: `Old name of ${to.join('.')}.`,
      });
      expect(found[old]).not.toHaveProperty('default');
      expect(found[old]).toHaveProperty('type', expect.stringMatching(/^(integer|string)$/));
    }
    const others = Object.keys(found).filter((key) => !Object.hasOwn(keys, key));
    expect(others.filter((key) => 'deprecated' in found[key]!)).toEqual([]);
  }
});
