import { performance } from 'node:perf_hooks';

/** The first gateway was made after this time. */
const BEFORE_ALL_MS = Date.UTC(2024, 0, 1);

/** Whether a time of the wall clock is possible; a clock with an earlier time was never set. */
export function isClockSet(wall: number): boolean {
  return wall >= BEFORE_ALL_MS;
}

/** Time as a parameter: tests control it. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the system's clock is set. */
  wall(): number;
  /** Milliseconds from an arbitrary start; never jumps. Pacing, expiry and timeouts use this one. */
  monotonic(): number;
  /** Calls back once after `ms`, unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A sleep made of a clock's `after`. */
export function sleepOn({ after }: Pick<Clock, 'after'>): Clock['sleep'] {
  return (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
}

const after = (ms: number, callback: () => void): (() => void) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

/** The machine's own clocks. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  // The imported object: the global of that name is a getter, which costs time at each call.
  monotonic: () => performance.now(),
  after,
  sleep: sleepOn({ after }),
};
