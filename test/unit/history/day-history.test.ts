import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { KeyValueStore } from '../../../src/base/state.ts';
import { DAY_POINT_MS, DayHistory } from '../../../src/history/day-history.ts';
import { createHourHistory, POINTS } from '../../../src/history/hour-history.ts';
import { createFaults } from '../../support/faults.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 10, 21, 12);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A gateway's hour and day, whose clocks are the fake timers; restarts keep what has reached the disk. */
function setUp(valueAt: (wall: number) => number | null = () => 1) {
  const disk = new Map<string, string>();
  let writes = 0;
  let bytes = 0;
  const state: KeyValueStore = {
    get: (key) => (disk.has(key) ? JSON.parse(disk.get(key)!) : undefined),
    set(key, value) {
      const text = JSON.stringify(value);
      disk.set(key, text);
      writes++;
      bytes += text.length;
    },
  };
  let wallAhead = NOON - Date.now();
  let topics = ['t'];
  const world = {
    disk,
    set: true,
    get writes() {
      return writes;
    },
    get bytes() {
      return bytes;
    },
    wall: () => Date.now() + wallAhead,
    step(ms: number) {
      wallAhead += ms;
    },
    asked(...names: string[]) {
      topics = names;
    },
    async start(): Promise<{ day: DayHistory; stop(): Promise<void>; cut(): Promise<void> }> {
      const from = Date.now();
      const monotonic = (): number => Date.now() - from;
      const values = () => topics.map((topic) => [topic, valueAt(world.wall())] as const);
      const history = createHourHistory({
        faults: createFaults(),
        monotonic,
        wall: world.wall,
        values,
      });
      const isSet = (): boolean => world.set;
      const own = { history, topics: () => topics, state: () => state };
      const day = new DayHistory({
        faults: createFaults(),
        ...own,
        monotonic,
        wall: world.wall,
        isSet,
      });
      await history.start();
      await day.start();
      return {
        day,
        async stop() {
          await day.stop();
          await history.stop();
        },
        async cut() {
          const kept = new Map(disk);
          await day.stop();
          await history.stop();
          disk.clear();
          for (const [key, text] of kept) disk.set(key, text);
        },
      };
    },
  };
  return world;
}

/** The points that have a value, by the time at which each ends. */
function shown(
  day: DayHistory,
  topic = 't',
): [end: number, low: number, high: number, last: number][] {
  const { end, everyMs, low, high, last } = day.of(topic)!;
  return last.flatMap((value, index) => {
    if (value === null) return [];
    return [[end - (last.length - 1 - index) * everyMs, low[index]!, high[index]!, value]];
  });
}

test('a point has the lowest, the highest and the last of four minutes', async () => {
  const world = setUp((wall) => ({ 0: 20, 90: 3, 100: 25 })[(wall - NOON) / 1000] ?? 21);
  const { day, stop } = await world.start();
  vi.advanceTimersByTime(DAY_POINT_MS);
  expect(shown(day)).toEqual([
    [NOON + DAY_POINT_MS, 3, 25, 21],
    [NOON + 2 * DAY_POINT_MS, 21, 21, 21],
  ]);
  expect(day.of('other')).toBeUndefined();
  await stop();
  expect(vi.getTimerCount()).toBe(0);
});

test('it is a day long, and no longer, in memory and on disk', async () => {
  const world = setUp((wall) => wall);
  const { day, stop } = await world.start();
  vi.advanceTimersByTime(60 * HOUR);
  const points = shown(day);
  expect(points.length).toBe(POINTS);
  expect(points.at(-1)![3]).toBe(NOON + 60 * HOUR);
  expect(points[0]![1]).toBe(NOON + 60 * HOUR - (POINTS - 1) * DAY_POINT_MS);
  expect(world.disk.size).toBe(25);
  expect(world.writes).toBe((60 * HOUR) / DAY_POINT_MS);
  await stop();
});

test('outlives a restart, also amid a point; the time between is a gap', async () => {
  const world = setUp();
  const first = await world.start();
  vi.advanceTimersByTime(2 * DAY_POINT_MS + 2 * MINUTE);
  await first.stop();
  vi.advanceTimersByTime(10 * DAY_POINT_MS);
  const second = await world.start();
  vi.advanceTimersByTime(DAY_POINT_MS);
  const ends = shown(second.day).map(([end]) => Math.round((end - NOON) / DAY_POINT_MS));
  expect(ends).toHaveLength(5);
  const gaps = ends.slice(1).map((end, index) => end - ends[index]!);
  expect(Math.max(...gaps)).toBeGreaterThanOrEqual(10);
  expect(ends.at(-1)! - ends[0]!).toBeGreaterThanOrEqual(13);
  await second.stop();
});

test('a power cut costs the point that was being filled', async () => {
  const world = setUp((wall) => (wall - NOON) / MINUTE);
  const first = await world.start();
  vi.advanceTimersByTime(3 * DAY_POINT_MS + 3 * MINUTE);
  await first.cut();
  const { day, stop } = await world.start();
  const lasts = shown(day).map(([, , , last]) => Math.floor(last));
  expect(lasts).toEqual([3, 7, 11, 15]);
  await stop();
});

test('many restarts in a day do not push the day out', async () => {
  const world = setUp((wall) => (wall - NOON) / HOUR);
  for (let start = 0; start < 40; start++) {
    const { stop } = await world.start();
    vi.advanceTimersByTime(20 * MINUTE);
    await stop();
  }
  const { day, stop } = await world.start();
  expect(shown(day)[0]![1]).toBeLessThan(0.1);
  expect(shown(day).at(-1)![3]).toBeCloseTo(40 / 3, 1);
  await stop();
});

test.each([
  ['forth', 30 * 24 * HOUR],
  ['back', -5 * HOUR],
])(
  'a clock that jumps %s moves the whole course with it, also for the next start',
  async (_, step) => {
    const world = setUp();
    const first = await world.start();
    vi.advanceTimersByTime(10 * DAY_POINT_MS);
    world.step(step);
    vi.advanceTimersByTime(2 * DAY_POINT_MS);
    const ends = (day: DayHistory): number[] =>
      shown(day).map(([end]) => (end - NOON) / DAY_POINT_MS);
    const right = Array.from({ length: 12 }, (_value, index) => step / DAY_POINT_MS + index + 1);
    expect(ends(first.day).slice(0, 12)).toEqual(right);
    await first.cut();
    const second = await world.start();
    expect(ends(second.day).slice(0, 12).map(Math.round)).toEqual(right);
    await second.stop();
  },
);

test('what was dated by a clock that went ahead is not shown as younger than it is, nor mixed with what comes', async () => {
  const world = setUp((wall) => (wall > NOON + 5 * HOUR ? 99 : 1));
  world.step(6 * HOUR);
  const first = await world.start();
  vi.advanceTimersByTime(5 * DAY_POINT_MS);
  await first.stop();
  world.step(-6 * HOUR);
  const { day, stop } = await world.start();
  vi.advanceTimersByTime(4 * HOUR);
  expect(new Set(shown(day).map(([, , , last]) => last))).toEqual(new Set([1]));
  await stop();
});

test('a clock that is not set yet writes nothing and hides what was; once set, all is there', async () => {
  const world = setUp();
  const first = await world.start();
  vi.advanceTimersByTime(3 * DAY_POINT_MS);
  await first.stop();
  const before = new Map(world.disk);

  world.set = false;
  vi.advanceTimersByTime(10 * DAY_POINT_MS);
  world.step(-20 * 24 * HOUR);
  const { day, stop } = await world.start();
  vi.advanceTimersByTime(2 * DAY_POINT_MS);
  expect(shown(day)).toHaveLength(3);
  expect(world.disk).toEqual(before);
  world.step(20 * 24 * HOUR);
  world.set = true;
  vi.advanceTimersByTime(15_000);
  expect(shown(day)).toHaveLength(6);
  expect(world.disk).not.toEqual(before);
  await stop();
  const third = await world.start();
  expect(shown(third.day).length).toBeGreaterThanOrEqual(6);
  await third.stop();
});

test('what is no sense on disk is left out', async () => {
  const world = setUp();
  world.disk.set('0', '"?"');
  world.disk.set('1', '{"number":1,"times":[1],"cells":{"t":["x"]}}');
  world.disk.set('2', '{"number":-3.5,"times":[],"cells":{}}');
  world.disk.set('3', 'null');
  const { day, stop } = await world.start();
  expect(shown(day)).toHaveLength(1);
  await stop();
});

test('fifty sensors write a few megabytes a day', async () => {
  const world = setUp((wall) => 20 + Math.sin(wall) * 3);
  world.asked(...Array.from({ length: 50 }, (_, number) => `robotcell1/sensor${number}`));
  const { stop } = await world.start();
  vi.advanceTimersByTime(4 * HOUR);
  expect(world.writes).toBe(60);
  const megabytesADay = (world.bytes * 6) / 1e6;
  expect(megabytesADay).toBeGreaterThan(3);
  expect(megabytesADay).toBeLessThan(10);
  await stop();
});

test('a sensor that is not asked for costs nothing', async () => {
  const world = setUp();
  world.asked();
  const { stop } = await world.start();
  vi.advanceTimersByTime(2 * HOUR);
  await stop();
  expect(world.writes).toBe(0);
});
