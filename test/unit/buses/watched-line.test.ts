import { afterEach, describe, expect, test } from 'vitest';
import { watchLine } from '../../../src/buses/watched-line.ts';
import { fakeBuses } from '../../support/fake-buses.ts';
import { createManualClock, settle } from '../../support/manual-clock.ts';
import { playbackLine, playbackLines } from '../../support/playback-gpio.ts';

let end: (() => Promise<void>) | undefined;
afterEach(async () => {
  await end?.();
  end = undefined;
});

/** Watches DI3, polled every second; levels and failures are noted. `onLevel` can be held up. */
async function setUp({ failure = undefined as string | undefined } = {}) {
  const clock = createManualClock();
  const line = playbackLine();
  line.fail(failure);
  const seen: (boolean | string)[] = [];
  const hold = { until: Promise.resolve() };
  const life = new AbortController();
  const watching = watchLine(
    {
      gpio: fakeBuses({
        gpio: { line: () => line, lines: () => playbackLines([]), chips: async () => [] },
      }).gpio,
      clock,
      line: 'DI3',
      options: { activeLow: true },
      pollMs: 1000,
      async onLevel(level) {
        seen.push(level);
        await hold.until;
      },
      onFailure: async (error) => void seen.push((error as Error).message),
    },
    life.signal,
  );
  const stop = async (): Promise<void> => {
    life.abort();
    await watching;
  };
  end = stop;
  await settle();
  return { clock, line, seen, stop, hold };
}

describe('a watched line', () => {
  test('is read at once, by its edges and every second', async () => {
    const { clock, line, seen } = await setUp();
    expect(line.taken).toEqual({ activeLow: true });
    expect(seen.splice(0)).toEqual([false]);
    line.set(true);
    await settle();
    expect(seen.splice(0)).toEqual([true]);
    await clock.advance(999);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual([true]);
  });

  test('whose level is still being handled takes the next edge at once', async () => {
    const { clock, line, seen, hold } = await setUp();
    let release = (): void => undefined;
    hold.until = new Promise((resolve) => {
      release = resolve;
    });
    await clock.advance(1000);
    seen.splice(0);
    line.set(true);
    await settle();
    expect(seen).toEqual([true]);
    release();
  });

  test('that can not be opened is reported, and opened again after the pause', async () => {
    const { clock, line, seen } = await setUp({ failure: 'in use' });
    expect(seen.splice(0)).toEqual(['in use']);
    line.fail(undefined);
    await clock.advance(999);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual([false]);
  });

  test('that fails is closed before it is opened again', async () => {
    const { clock, line, seen } = await setUp();
    seen.splice(0);
    line.fail('its chip was removed');
    await settle();
    expect(seen.splice(0)).toEqual(['its chip was removed']);
    expect(line.taken).toBeUndefined();
    line.fail(undefined);
    await clock.advance(1000);
    expect(seen).toEqual([false]);
    expect(line.taken).toBeDefined();
  });

  test('is closed when the watch ends, and nothing goes on', async () => {
    const { clock, line, stop } = await setUp();
    await stop();
    expect(line.taken).toBeUndefined();
    expect(clock.sleeping).toBe(0);
  });
});
