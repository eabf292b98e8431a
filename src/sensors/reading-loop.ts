import type { Clock } from '../base/clock.ts';
import type { Mutex } from '../base/mutex.ts';
import { BusError } from '../buses/bus-error.ts';
import type { Samples, Sensor } from '../driver-kit/driver.ts';
import type { ChannelPublisher } from './channel-publisher.ts';
import { nextDeadline } from './read-schedule.ts';
import { createTimeLimited } from './time-limited.ts';

/** After so many failed reads in a row the sensor is opened anew: the chip may have been reset or changed. */
export const REOPEN_AFTER = 5;
const FAREWELL_MS = 1000;

export interface ReadingLoopParts {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly outlets: readonly ChannelPublisher[];
  /** Waiting for a turn is not part of a read's time. */
  readonly turn: Mutex;
  succeeded(): void;
  failed(error: unknown): void;
  /** Called after each try, with the deadlines that went by meanwhile. */
  progressed(missed: number): void;
}

/**
 * Reads an open sensor at its pace and takes what it tells by itself, until the signal is aborted, its changes fail,
 * nobody answers at its address or it holds the bus, or too many reads in a row have failed. Deadlines stay on their grid: a slow read makes
 * the next ones fall out, not bunch up.
 */
export async function runReadingLoop(
  sensor: Sensor,
  parts: ReadingLoopParts,
  signal: AbortSignal,
): Promise<void> {
  const session = new AbortController();
  const end = (): void => session.abort(signal.reason);
  if (signal.aborted) return;
  signal.addEventListener('abort', end, { once: true });
  const following = follow(sensor, parts, session);
  try {
    await readAtPace(sensor, parts, session.signal);
  } finally {
    signal.removeEventListener('abort', end);
    session.abort();
    const farewell = createTimeLimited<void>(parts.clock, FAREWELL_MS);
    await farewell.run(new AbortController().signal, () => following).catch(() => undefined);
  }
}

async function readAtPace(
  sensor: Sensor,
  parts: ReadingLoopParts,
  signal: AbortSignal,
): Promise<void> {
  const { clock, everyMs, outlets, turn } = parts;
  const reading = createTimeLimited<Samples>(clock, parts.timeoutMs);
  const read = (own: AbortSignal): Promise<Samples> => sensor.read(own);
  const readOnce = (): Promise<Samples> => reading.run(signal, read);
  const pause = createPause(clock, signal);
  let deadline = clock.monotonic();
  let failures = 0;
  let lost = false;
  const before: number[] = [];
  while (!signal.aborted) {
    // A channel that changes by itself during the read is newer than what the read brings.
    for (const [index, outlet] of outlets.entries()) before[index] = outlet.taken;
    try {
      const samples = await turn(readOnce);
      failures = 0;
      parts.succeeded();
      for (const [index, outlet] of outlets.entries()) {
        if (outlet.taken === before[index]) outlet.take(samples[outlet.channel.name], deadline);
      }
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      // What answers there next may be another chip, or one that has lost its settings with its supply. One that
      // holds the bus holds up all others with every try, so it is tried more and more seldom.
      lost = error instanceof BusError && (error.fault === 'absent' || error.fault === 'stuck');
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
  { clock, outlets, failed }: ReadingLoopParts,
  session: AbortController,
): Promise<void> {
  if (sensor.changes === undefined) return;
  const { signal } = session;
  try {
    for await (const samples of sensor.changes(signal)) {
      if (signal.aborted) return;
      for (const outlet of outlets) {
        const sample = samples[outlet.channel.name];
        if (sample !== undefined) outlet.take(sample, clock.monotonic());
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    failed(error);
    session.abort();
  }
}
