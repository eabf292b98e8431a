import type { Clock } from '../base/clock.ts';
import type { Mutex } from '../base/mutex.ts';
import { BusError } from '../buses/bus-error.ts';
import { type Samples, type Sensor, SettingsLostError } from '../driver-kit/driver.ts';
import type { ChannelPublisher } from './channel-publisher.ts';
import { nextDeadline } from './read-schedule.ts';
import { createTimeLimited } from './time-limited.ts';

/** After so many failed reads in a row the sensor is opened again: the chip may have been reset or changed. */
export const REOPEN_AFTER = 5;
const END_TIMEOUT_MS = 1000;

export interface ReadingLoopParts {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly publishers: readonly ChannelPublisher[];
  /** Waiting for it is not part of a read's time. */
  readonly mutex: Mutex;
  succeeded(): void;
  failed(error: unknown): void;
  /** Called after each try, with the number of deadlines missed meanwhile. */
  progressed(missed: number): void;
}

/**
 * Reads an open sensor at its interval and receives the changes that it reports itself. Ends when the signal is aborted,
 * the changes fail, there is no answer at its address, it holds the bus, it has lost its settings, or too many reads in
 * a row have failed.
 * Deadlines stay on their grid: after a slow read the missed ones are left out.
 */
export async function runReadingLoop(
  sensor: Sensor,
  parts: ReadingLoopParts,
  signal: AbortSignal,
): Promise<void> {
  const loop = new AbortController();
  const end = (): void => loop.abort(signal.reason);
  if (signal.aborted) return;
  signal.addEventListener('abort', end, { once: true });
  const following = follow(sensor, parts, loop);
  try {
    await readAtInterval(sensor, parts, loop.signal);
  } finally {
    signal.removeEventListener('abort', end);
    loop.abort();
    const ending = createTimeLimited<void>(parts.clock, END_TIMEOUT_MS);
    await ending.run(new AbortController().signal, () => following).catch(() => undefined);
  }
}

async function readAtInterval(
  sensor: Sensor,
  parts: ReadingLoopParts,
  signal: AbortSignal,
): Promise<void> {
  const { clock, everyMs, publishers, mutex } = parts;
  const reading = createTimeLimited<Samples>(clock, parts.timeoutMs);
  const read = (own: AbortSignal): Promise<Samples> => sensor.read(own);
  const readOnce = (): Promise<Samples> => reading.run(signal, read);
  const pause = createPause(clock, signal);
  let deadline = clock.monotonic();
  let failures = 0;
  let lost = false;
  const before: number[] = [];
  while (!signal.aborted) {
    // A change that a channel reports during the read is newer than the result of the read.
    for (const [index, { taken }] of publishers.entries()) before[index] = taken;
    try {
      const samples = await mutex(readOnce);
      failures = 0;
      parts.succeeded();
      for (const [index, publisher] of publishers.entries()) {
        if (publisher.taken !== before[index]) continue;
        publisher.take(samples[publisher.channel.name], deadline);
      }
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      // The next chip that answers there may be another one, or have lost its settings with its supply. A chip that
      // holds the bus delays all others with every try, so the pauses between the tries grow.
      lost =
        error instanceof SettingsLostError ||
        (error instanceof BusError && (error.fault === 'absent' || error.fault === 'stuck'));
      parts.failed(error);
    }
    const next = nextDeadline(deadline, everyMs, clock.monotonic());
    parts.progressed(next.missed);
    deadline = next.deadline;
    if ((lost || failures >= REOPEN_AFTER) && !reading.hanging) return;
    await pause(deadline - clock.monotonic());
  }
}

/** Waits for some milliseconds, one wait at a time, or until the signal is aborted. */
function createPause(clock: Clock, signal: AbortSignal): (ms: number) => Promise<void> {
  let wake = (): void => undefined;
  signal.addEventListener('abort', () => wake(), { once: true });
  return (ms) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = clock.after(ms, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
}

async function follow(
  sensor: Sensor,
  { clock, publishers, failed }: ReadingLoopParts,
  loop: AbortController,
): Promise<void> {
  if (sensor.changes === undefined) return;
  const { signal } = loop;
  try {
    for await (const samples of sensor.changes(signal)) {
      if (signal.aborted) return;
      for (const publisher of publishers) {
        const sample = samples[publisher.channel.name];
        if (sample !== undefined) publisher.take(sample, clock.monotonic());
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    failed(error);
    loop.abort();
  }
}
