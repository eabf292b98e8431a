import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import simulated, {
  door,
  gripper,
  jointTemperature,
  workCycles,
} from '../../../drivers/simulated.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

const moments = fc.record({
  seed: fc.integer(),
  seconds: fc.double({ min: 0, max: 1e7, noNaN: true }),
  cycle: fc.double({ min: 1, max: 3600, noNaN: true }),
});

describe('signals', () => {
  test('are plausible at every moment', () => {
    fc.assert(
      fc.property(moments, (moment) => {
        for (const joint of [1, 2, 3, 4, 5, 6]) {
          const degrees = jointTemperature(moment, joint);
          expect(degrees).toBeGreaterThan(20);
          expect(degrees).toBeLessThan(55);
        }
        const { position, force } = gripper(moment);
        expect(position).toBeGreaterThan(30);
        expect(position).toBeLessThanOrEqual(85);
        expect(force).toBeGreaterThanOrEqual(0);
        expect(force).toBeLessThan(45);
        const { count, time, phase } = workCycles(moment);
        expect(Number.isInteger(count) && count >= 0).toBe(true);
        expect(time).toBeGreaterThan(0.79 * moment.cycle);
        expect(time).toBeLessThan(1.21 * moment.cycle);
        expect(phase).toBeGreaterThanOrEqual(0);
        expect(phase).toBeLessThanOrEqual(1);
        expect(door(moment).nextCheck).toBeGreaterThan(0);
      }),
    );
  });

  test('the counter never goes back', () => {
    fc.assert(
      fc.property(moments, fc.double({ min: 0, max: 60, noNaN: true }), (moment, later) => {
        const after = { ...moment, seconds: moment.seconds + later };
        expect(workCycles(after).count).toBeGreaterThanOrEqual(workCycles(moment).count);
      }),
    );
  });

  test('joints warm up', () => {
    const at = (seconds: number): number => jointTemperature({ seed: 1, seconds, cycle: 12 }, 1);
    expect(at(0)).toBeLessThan(23);
    expect(at(7200)).toBeGreaterThan(44);
  });

  test('the door is mostly closed and opens now and then', () => {
    const states = Array.from({ length: 3600 }, (_, seconds) =>
      door({ seed: 1, seconds, cycle: 12 }),
    );
    const open = states.filter(({ closed }) => !closed).length;
    expect(open).toBeGreaterThan(30);
    expect(open).toBeLessThan(900);
  });
});

test('the same seed and time give the same samples, another seed gives others', async () => {
  const clock = createManualClock();
  await clock.advance(123_456);
  const { tools: hasty } = createHastyTools();
  const tools = { ...hasty, clock, sleep: (ms: number) => clock.sleep(ms) };
  const read = async (seed: number) => {
    const options = { signal: 'joint-temperature', seed } as const;
    return (await openSensor(simulated, undefined, options, tools)).read(never);
  };
  expect(await read(7)).toEqual(await read(7));
  expect(await read(7)).not.toEqual(await read(8));
});

test('the door reports its changes when they happen, until it is stopped', async () => {
  const clock = createManualClock();
  const { tools: hasty } = createHastyTools();
  const sleep = (ms: number, signal: AbortSignal) => clock.sleep(ms, signal);
  const tools = { ...hasty, clock, sleep };
  const sensor = await openSensor(simulated, undefined, { signal: 'door' }, tools);
  const end = new AbortController();
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const samples of sensor.changes?.(end.signal) ?? []) seen.push(samples['']?.value);
  })();
  await settle();
  await clock.advance(600_000);
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.slice(0, 2)).toEqual([false, true]);
  expect(new Set(seen.filter((_, index) => index % 2 === 0))).toEqual(new Set([false]));
  end.abort();
  await watching;
  expect(clock.sleeping).toBe(0);
});
