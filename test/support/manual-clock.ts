import { type Clock, sleepOn } from '../../src/base/clock.ts';

/** A clock that stands still until it is turned by hand. */
export interface ManualClock extends Clock {
  /** TurnBudget it by `ms`, waking each sleeper at its own moment and letting it run before the next. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock without any time going by. */
  setWall(ms: number): void;
  /** Sleepers that have not woken. */
  readonly sleeping: number;
}

interface Sleeper {
  readonly at: number;
  wake(): void;
}

/** A clock at 2026-11-20T20:31:00.000Z whose monotonic side is at 0. */
export function createManualClock(): ManualClock {
  let now = 0;
  let offset = Date.UTC(2026, 10, 20, 20, 31);
  let sleepers: Sleeper[] = [];
  const after = (ms: number, wake: () => void): (() => void) => {
    const sleeper = { at: now + ms, wake };
    sleepers.push(sleeper);
    return () => {
      sleepers = sleepers.filter((other) => other !== sleeper);
    };
  };
  return {
    wall: () => offset + now,
    monotonic: () => now,
    after,
    sleep: sleepOn({ after }),
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const next = sleepers.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        sleepers = sleepers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.wake();
        await settle();
      }
      now = until;
    },
    setWall(ms) {
      offset = ms - now;
    },
    get sleeping() {
      return sleepers.length;
    },
  };
}

/** Lets everything run that waits for nothing but promises. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
