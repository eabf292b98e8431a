import { type Clock, systemClock } from '../../src/base/clock.ts';

export interface AheadClock extends Clock {
  /** So many milliseconds pass at once; timers do not notice it. */
  pass(ms: number): void;
}

/** The machine's clocks, ahead by what `pass` has added. */
export function createAheadClock(): AheadClock {
  let ahead = 0;
  return {
    ...systemClock,
    wall: () => systemClock.wall() + ahead,
    monotonic: () => systemClock.monotonic() + ahead,
    pass(ms) {
      ahead += ms;
    },
  };
}
