import { expect, test } from 'vitest';
import { createTimeLimited } from '../../../src/sensors/time-limited.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';

const never = new AbortController().signal;

test('gives the result and leaves no timer', async () => {
  const clock = createManualClock();
  const bounded = createTimeLimited<number>(clock, 500);
  expect(await bounded.run(never, async () => 7)).toBe(7);
  await expect(bounded.run(never, () => Promise.reject(new Error('broken')))).rejects.toThrow(
    'broken',
  );
  const thrower = (): Promise<number> => {
    throw new Error('at once');
  };
  await expect(bounded.run(never, thrower)).rejects.toThrow('at once');
  expect(clock.sleeping).toBe(0);
  expect(bounded.hanging).toBe(false);
});

test('an operation that ignores its signal is given up, not started twice, and its late result handed on', async () => {
  const clock = createManualClock();
  const late: number[] = [];
  const bounded = createTimeLimited<number>(clock, 500, (result) => late.push(result));
  let finish: (result: number) => void = () => undefined;
  const hang = (): Promise<number> =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const first = expect(bounded.run(never, hang)).rejects.toThrow('no answer within 500ms');
  await clock.advance(500);
  await first;
  expect(bounded.hanging).toBe(true);
  let started = 0;
  const second = async (): Promise<number> => {
    started += 1;
    return 8;
  };
  await expect(bounded.run(never, second)).rejects.toThrow('no answer within 500ms');
  expect(started).toBe(0);
  finish(7);
  await settle();
  expect(late).toEqual([7]);
  expect(await bounded.run(never, second)).toBe(8);
  expect(clock.sleeping).toBe(0);
});

test('an operation that heeds its signal can be started again at once', async () => {
  const clock = createManualClock();
  const bounded = createTimeLimited<void>(clock, 500);
  const heeding = (signal: AbortSignal): Promise<void> => clock.sleep(10_000, signal);
  const first = expect(bounded.run(never, heeding)).rejects.toThrow('no answer within 500ms');
  await clock.advance(500);
  await first;
  await settle();
  expect(bounded.hanging).toBe(false);
  expect(clock.sleeping).toBe(0);
});

test("the parent's abort ends it", async () => {
  const clock = createManualClock();
  const parent = new AbortController();
  const bounded = createTimeLimited<void>(clock, 500);
  const running = bounded.run(parent.signal, (signal) => clock.sleep(100, signal));
  parent.abort(new Error('stopped'));
  await expect(running).rejects.toThrow('stopped');
  await expect(bounded.run(parent.signal, async () => undefined)).rejects.toThrow('stopped');
  expect(clock.sleeping).toBe(0);
});

test('runs share a signal, until one is given up and after a hundred at most', async () => {
  const clock = createManualClock();
  const bounded = createTimeLimited<AbortSignal>(clock, 500);
  const echo = async (signal: AbortSignal): Promise<AbortSignal> => signal;
  const signals: AbortSignal[] = [];
  for (let run = 0; run < 250; run++) signals.push(await bounded.run(never, echo));
  expect(new Set(signals).size).toBe(3);

  const hang = bounded.run(never, (signal) => clock.sleep(10_000, signal).then(() => signal));
  const given = expect(hang).rejects.toThrow('no answer within 500ms');
  await clock.advance(500);
  await given;
  expect(signals.at(-1)?.aborted).toBe(true);
  expect((await bounded.run(never, echo)).aborted).toBe(false);
});
