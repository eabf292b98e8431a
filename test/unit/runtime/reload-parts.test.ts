import { describe, expect, test } from 'vitest';
import { type Service, Services } from '../../../src/base/lifecycle.ts';
import type { Config } from '../../../src/config/schema/schema.ts';
import { type Loaded, Reload } from '../../../src/runtime/reload.ts';
import { settle } from '../../support/manual-clock.ts';
import { createQuietLog } from '../../support/quiet-log.ts';

const config = (level: string, cell = 'a') =>
  ({ cell, uplinks: [], log: { level } }) as unknown as Config;

/** Services a, b and c, which note the log level of each config that they get; `failing` rejects `debug`. */
function setUp(next: Config, failing?: string) {
  const applied: string[] = [];
  const services = new Services<Config>();
  const part = (name: string): Service => ({
    name,
    start: async () => undefined,
    stop: async () => undefined,
  });
  for (const name of ['a', 'b', 'c']) {
    services.add(part(name), async ({ log }) => {
      applied.push(`${name} ${log.level}`);
      if (name === failing && log.level === 'debug') throw new Error('port in use');
    });
  }
  const { log } = createQuietLog();
  const load = async () => ({ config: next, problems: [], warnings: [] });
  const reload = new Reload({ config: config('info'), services, log, load });
  return { applied, reload, log };
}

test('a reload that is asked for while another runs begins after it', async () => {
  let [underWay, most, count] = [0, 0, 0];
  const reload = new Reload({
    config: {} as never,
    services: new Services(),
    log: createQuietLog().log,
    async load() {
      count++;
      most = Math.max(most, ++underWay);
      await settle();
      underWay--;
      return { problems: [], warnings: [] };
    },
  });
  await Promise.all([reload.run(), reload.run(), reload.run()]);
  expect([count, most]).toEqual([3, 1]);
});

test('each reload logs the warnings about the config, whether it is applied or refused', async () => {
  const { log, lines } = createQuietLog();
  const warnings = [
    { file: 'c.yaml', line: 3, column: 5, path: 'broker.limits.keepalive', message: 'renamed' },
  ];
  const problems = [{ file: 'c.yaml', line: 4, column: 1, path: 'cel', message: 'unknown key' }];
  let result: Loaded = { config: config('info'), problems: [], warnings };
  const reload = new Reload({
    config: config('info'),
    services: new Services(),
    log,
    load: async () => result,
  });
  expect(await reload.run()).toMatchObject({ applied: true, changes: [] });
  result = { problems, warnings };
  expect(await reload.run()).toMatchObject({ applied: false });
  const warning = 'c.yaml:3:5: broker.limits.keepalive: renamed';
  expect(lines.filter((line) => line === warning)).toHaveLength(2);
});

describe('a reload', () => {
  test('brings all parts to the config in the order of start, and the log to its level', async () => {
    const { applied, reload, log } = setUp(config('debug'));
    expect(await reload.run()).toEqual({
      applied: true,
      changes: ['log.level: "info" -> "debug"'],
    });
    expect(applied).toEqual(['a debug', 'b debug', 'c debug']);
    expect(log.level).toBe('debug');
    expect(await reload.run()).toEqual({ applied: true, changes: [] });
  });

  test('that a part can not follow brings the parts back, last first, and says why', async () => {
    const { applied, reload, log } = setUp(config('debug'), 'b');
    expect(await reload.run()).toMatchObject({ applied: false, reason: 'b: port in use' });
    expect(applied).toEqual(['a debug', 'b debug', 'b info', 'a info']);
    expect(log.level).toBe('info');
  });

  test('that needs a restart reaches no part', async () => {
    const { applied, reload } = setUp(config('debug', 'b'));
    expect(await reload.run()).toMatchObject({
      applied: false,
      reason: expect.stringMatching(/^cell has changed, which needs a restart/),
    });
    expect(applied).toEqual([]);
  });
});

test('a part that throws half way does not keep half of the new config, and those after it get none', async () => {
  const held = { a: 'info', first: 'info', second: 'info', c: 'info' };
  const services = new Services<Config>();
  const part = (name: string): Service => ({
    name,
    start: async () => undefined,
    stop: async () => undefined,
  });
  services.add(part('a'), async ({ log }) => {
    held.a = log.level;
  });
  services.add(part('b'), async ({ log }) => {
    held.first = log.level;
    await settle();
    if (log.level === 'debug') throw new Error('half way');
    held.second = log.level;
  });
  services.add(part('c'), async ({ log }) => {
    held.c = log.level;
  });
  let next = config('debug');
  const reload = new Reload({
    config: config('info'),
    services,
    log: createQuietLog().log,
    load: async () => ({ config: next, problems: [], warnings: [] }),
  });
  for (let time = 0; time < 2; time++) {
    expect(await reload.run()).toMatchObject({ applied: false, reason: 'b: half way' });
    expect(held).toEqual({ a: 'info', first: 'info', second: 'info', c: 'info' });
  }
  next = config('warn');
  expect(await reload.run()).toMatchObject({ applied: true });
  expect(held).toEqual({ a: 'warn', first: 'warn', second: 'warn', c: 'warn' });
});
