import { now, slowed } from './chip.ts';

/** Acceleration in g by seconds. */
export type Motion = (seconds: number) => readonly [x: number, y: number, z: number];

/** The latest samples of an accelerometer, taken at its rate while it runs; `size` of them are kept. */
export interface Fifo {
  restart(rateHz: number): void;
  stop(): void;
  /** How many wait; and whether some were overwritten, or none could be added. */
  count(): number;
  /** The oldest, taken out; the last one again when none waits. */
  take(): readonly [number, number, number];
}

export function createFifo(size: number, motion: () => Motion): Fifo {
  let from = now();
  let rate = 0;
  let taken = 0;
  let last: readonly [number, number, number] = [0, 0, 0];
  const made = (): number => Math.floor(((now() - from) / 1000 / slowed()) * rate);
  return {
    restart(rateHz) {
      [from, rate, taken] = [now(), rateHz, 0];
    },
    stop() {
      rate = 0;
      [from, taken] = [now(), 0];
    },
    count: () => Math.min(size, made() - taken),
    take() {
      const total = made();
      if (total <= taken) return last;
      taken = Math.max(taken, total - size);
      last = motion()(taken / rate);
      taken += 1;
      return last;
    },
  };
}
