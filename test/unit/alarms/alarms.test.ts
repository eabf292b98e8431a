import { describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { FilterConfig } from '../../../src/config/schema/filters.ts';
import { createFilterChain } from '../../../src/sensors/filters.ts';
import { runAlarms } from '../../support/alarm-run.ts';
import { settle } from '../../support/manual-clock.ts';

const hot = { name: 'hot', above: 70 };

describe('conditions', () => {
  /** One sample a second; the states that are published meanwhile. */
  test.each<[string, Record<string, unknown>, (number | boolean | string | null)[], string[]]>([
    ['above', { above: 70 }, [70, 70.1, 70], ['active', 'cleared']],
    [
      'above with hysteresis',
      { above: 70, hysteresis: 2 },
      [71, 69, 68.1, 68],
      ['active', 'cleared'],
    ],
    ['below', { below: 5, hysteresis: 1 }, [5, 4, 5.5, 6], ['active', 'cleared']],
    [
      'outside',
      { outside: [0, 10], hysteresis: 1 },
      [11, 9.5, 9, -1, 0.5, 1],
      ['active', 'cleared', 'active', 'cleared'],
    ],
    [
      'outside: each limit has its own hysteresis',
      { outside: [0, 10], hysteresis: 6 },
      [11, 5, 4, 3, -1, 5, 6],
      ['active', 'cleared', 'active', 'cleared'],
    ],
    ['equals', { equals: true }, [false, true, false], ['active', 'cleared']],
    ['equals a word', { equals: 'stopped' }, ['stopped', 'running'], ['active', 'cleared']],
    ['rate', { rate: 5, per: '1s' }, [0, 5, 11, 12, 6], ['active', 'cleared', 'active']],
    ['bad', { bad: true }, [1, null, 1], ['active', 'cleared']],
    ['stale', { stale: '3s' }, [1, null, null, null, null, 1], ['active', 'cleared']],
    ['delay', { above: 70, delay: '2500ms' }, [71, 71, 60, 71, 71, 71, 60], ['active', 'cleared']],
    ['text is no number', { above: 70 }, ['x', true], []],
  ])('%s', async (_name, config, values, expected) => {
    const run = await runAlarms([{ name: 'one', ...config }]);
    expect(run.states()).toEqual(['normal, acknowledged']);
    for (const value of values) {
      run.take(value, value === null ? 'bad' : 'good');
      await run.clock.advance(1000);
    }
    expect(run.states().filter((state, index, all) => state !== all[index - 1])).toEqual(expected);
  });

  test('a delay ends without another sample, and stale needs none at all', async () => {
    const run = await runAlarms([
      { ...hot, delay: '5s' },
      { name: 'quiet', stale: '8s' },
    ]);
    run.states();
    run.take(80);
    await run.clock.advance(4999);
    expect(run.states()).toEqual([]);
    await run.clock.advance(1);
    expect(run.published.map(({ topic }) => topic)).toEqual(['robotcell1/alarm/boiler/hot']);
    await run.clock.advance(3100);
    expect(run.published.at(-1)).toMatchObject({
      topic: 'robotcell1/alarm/boiler/quiet',
      state: 'active',
      text: 'no good value for 8 s',
    });
  });
});

describe('a bad sensor', () => {
  test('raises no process alarm', async () => {
    const run = await runAlarms([
      { ...hot, delay: '2s' },
      { name: 'cold', below: 5 },
    ]);
    run.states();
    for (let second = 0; second < 10; second++) {
      run.take(null, 'bad');
      await run.clock.advance(1000);
    }
    expect(run.states()).toEqual([]);
  });

  test('raises none while a delay runs, and does not begin the delay again', async () => {
    const run = await runAlarms([{ ...hot, delay: '3s' }]);
    run.states();
    run.take(80);
    await run.clock.advance(1000);
    run.take(null, 'bad');
    await run.clock.advance(10_000);
    expect(run.states()).toEqual([]);
    run.take(80);
    await settle();
    expect(run.states()).toEqual(['active']);
  });

  test('hides none: an active alarm says that its value is lost', async () => {
    const run = await runAlarms([hot]);
    run.take(80);
    await run.clock.advance(1000);
    run.published.splice(0);
    run.take(null, 'bad');
    await run.clock.advance(1000);
    run.take(null, 'bad');
    await run.clock.advance(1000);
    expect(run.published).toMatchObject([
      { state: 'active', value: 80, quality: 'bad', reason: 'no answer' },
    ]);
    run.take(81);
    await run.clock.advance(1000);
    expect(run.published.at(-1)).not.toHaveProperty('quality');
  });
});

describe('commands', () => {
  test('acknowledge, with who it was, and its result', async () => {
    const run = await runAlarms([hot]);
    run.send('hot', 'acknowledge');
    run.take(80);
    await run.clock.advance(1000);
    run.send('hot', '{"acknowledge":true,"by":"Anna","id":"7"}');
    await run.clock.advance(1000);
    run.send('hot', '');
    run.send('hot', 'nonsense');
    run.send('hot', '{"acknowledge":true,"x":1}');
    await run.clock.advance(1000);
    expect(run.results).toMatchObject([
      { ok: false, reason: 'there is nothing to acknowledge' },
      { id: '7', ok: true },
      { ok: false },
      { ok: false, reason: expect.stringContaining('unknown key') },
    ]);
    expect(run.published.at(-1)).toMatchObject({
      state: 'active',
      acknowledged: true,
      acknowledgedBy: 'Anna',
      severity: 'medium',
      text: 'above 70',
      value: 80,
      boot: 12,
    });
    expect(run.lines).toContain('alarm boiler/hot: acknowledged by Anna');
    run.take(60);
    await run.clock.advance(1000);
    expect(run.states().at(-1)).toBe('normal, acknowledged');
  });

  test('a latching alarm remains active until it is acknowledged', async () => {
    const run = await runAlarms([{ ...hot, latching: true }]);
    run.take(80);
    await run.clock.advance(1000);
    run.take(60);
    await run.clock.advance(1000);
    expect(run.published.at(-1)).toMatchObject({ state: 'active', latched: true });
    expect(await run.list.command('boiler/hot', { do: 'acknowledge', by: 'x' })).toBeUndefined();
    expect(run.published.at(-1)).toMatchObject({ state: 'normal', acknowledged: true });
  });

  test('shelving ends by itself, also after a restart and whatever the wall clock does', async () => {
    const run = await runAlarms([hot]);
    run.take(80);
    await run.clock.advance(1000);
    run.send('hot', '{"shelve":"30m"}');
    await run.clock.advance(1000);
    expect(run.published.at(-1)).toMatchObject({
      state: 'active',
      shelvedUntil: '2026-11-20T21:01:01.000Z',
    });
    await run.list.stop();
    const { clock, disk } = run;
    const again = await runAlarms([hot], { clock, disk });
    clock.setWall(clock.wall() + 1e9);
    again.take(80);
    await clock.advance(29 * 60_000);
    expect(again.list.list()[0]).toHaveProperty('shelvedUntil');
    await clock.advance(60_000);
    expect(again.list.list()[0]).not.toHaveProperty('shelvedUntil');
    expect(again.published.at(-1)).toMatchObject({ state: 'active' });
  });

  test('an alarm that does not exist', async () => {
    const run = await runAlarms([hot]);
    await expect(run.list.command('boiler/hto', { do: 'unshelve' })).rejects.toThrow(
      'there is no alarm "boiler/hto" (did you mean boiler/hot?)',
    );
  });
});

test('an output follows it while it is active and not shelved', async () => {
  const run = await runAlarms([hot, { name: 'cold', below: 5 }]);
  const seen: boolean[] = [];
  const stop = run.list.follow('alarm/hot', (isActive) => seen.push(isActive));
  run.list.follow('alarm/boiler/hot', (isActive) => seen.push(isActive));
  run.take(0);
  run.take(80);
  expect(seen).toEqual([false, false, true, true]);
  void run.list.command('boiler/hot', { do: 'shelve', forMs: 60_000 });
  expect(seen.slice(4)).toEqual([false, false]);
  void run.list.command('boiler/hot', { do: 'unshelve' });
  stop();
  run.take(60);
  expect(seen.slice(6)).toEqual([true, true, false]);
});

test('the state is on disk before it is published, and after a restart it is the same', async () => {
  const order: string[] = [];
  let published = (): number => 0;
  const disk = new Map<string, unknown>();
  const run = await runAlarms([hot], {
    disk,
    async store(key, value) {
      await settle();
      disk.set(key, structuredClone(value));
      order.push(`${key} ${JSON.stringify(value).includes('"active":true')} ${published()}`);
    },
  });
  published = () => run.published.length;
  await run.clock.advance(100);
  run.take(80);
  expect(run.published).toHaveLength(1);
  await settle();
  await settle();
  expect(order.at(-1)).toBe('boiler/hot true 1');
  expect(run.published).toHaveLength(2);
  const before = run.list.list()[0];
  await run.list.stop();
  const again = await runAlarms([hot], { clock: run.clock, disk });
  expect(again.published).toMatchObject([
    {
      state: 'active',
      acknowledged: false,
      quality: 'bad',
      reason: 'no value since the start',
      since: before?.since,
    },
  ]);
  again.take(81);
  await again.clock.advance(1000);
  expect(again.list.list()).toEqual([before]);
});

test('without a disk an alarm is published after five seconds', async () => {
  const run = await runAlarms([hot], { store: () => new Promise(() => undefined) });
  await run.clock.advance(5000);
  run.take(80);
  await run.clock.advance(4999);
  expect(run.states()).toEqual(['normal, acknowledged']);
  await run.clock.advance(200);
  expect(run.states()).toEqual(['active']);
  expect(run.lines).toContain('alarm boiler/hot: active (medium), above 70');
});

test('ten alarms that change a thousand times a second: memory, disk, messages and log are bounded', async () => {
  let writes = 0;
  const run = await runAlarms(
    Array.from({ length: 10 }, (_, index) => ({ name: `a${index}`, above: 70 })),
    {
      async store() {
        writes += 1;
      },
    },
  );
  const start = run.published.length;
  for (let ms = 0; ms < 5000; ms++) {
    run.take(ms % 2 === 0 ? 80 : 60);
    await run.clock.advance(1);
  }
  // Ten times a second for each alarm, in five seconds.
  expect(run.published.length - start).toBeLessThanOrEqual(10 * 51);
  expect(run.published.length - start).toBeGreaterThan(10 * 10);
  expect(writes).toBeLessThanOrEqual(run.published.length + 20);
  expect(run.lines.length).toBeLessThanOrEqual(10);
  // One timer for the next publication of each.
  expect(run.clock.sleeping).toBeLessThanOrEqual(20);
  run.take(80);
  await run.clock.advance(200);
  expect(run.list.list().every(({ state }) => state === 'active')).toBe(true);
  expect(run.published.slice(-10).every(({ state }) => state === 'active')).toBe(true);
  await run.list.stop();
});

test('a reload keeps alarms that are the same, and deletes those that are not there', async () => {
  const run = await runAlarms([hot, { name: 'cold', below: 5 }]);
  run.take(80);
  await run.clock.advance(1000);
  run.published.splice(0);
  await run.applyConfig([hot]);
  await run.clock.advance(1000);
  expect(run.published).toEqual([{ topic: 'robotcell1/alarm/boiler/cold', deleted: true }]);
  expect(run.list.list()).toMatchObject([{ name: 'hot', state: 'active' }]);
  await run.list.stop();
  const again = await runAlarms([], { clock: run.clock, disk: run.disk });
  expect(again.published).toEqual([{ topic: 'robotcell1/alarm/boiler/hot', deleted: true }]);
  expect(run.clock.sleeping).toBe(0);
});

test.each<FilterConfig>([{ throttleAverage: 60_000 }, { debounce: 60_000 }])(
  'rate is that of the values behind the filters: %j',
  async (filter) => {
    const run = await runAlarms([{ name: 'fast', rate: 1, per: '1s' }]);
    const chain = createFilterChain([filter], createMemoryState().of('sensor'));
    // 10 more after each two minutes, and behind the filter a minute between two values at least.
    for (let second = 0; second < 600; second += 1) {
      chain.push({ value: 10 * Math.floor(second / 120), quality: 'good' }, second * 1000);
      if (chain.latest) run.list.observe('boiler', '', chain.latest, second * 1000);
      await run.clock.advance(1000);
    }
    expect(run.states()).toEqual(['normal, acknowledged']);
    run.list.observe('boiler', '', { value: 1000, quality: 'good' }, 601_000);
    await run.clock.advance(1000);
    expect(run.states().at(-1)).toContain('active');
    await run.list.stop();
  },
);
