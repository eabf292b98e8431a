/** No gateway ran before this. */
const BEFORE_ALL_MS = Date.UTC(2024, 0, 1);

/** Whether a moment of the wall clock can be true; a clock that shows less was never set. */
export function isClockSet(wall: number): boolean {
  return wall >= BEFORE_ALL_MS;
}

/** Time as a parameter: tests turn it by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the system's clock is set. */
  wall(): number;
  /** Milliseconds from an arbitrary start; never jumps. Pacing, expiry and timeouts use this one. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
