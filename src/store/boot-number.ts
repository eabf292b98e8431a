import type { Journal } from './commit/journal.ts';
import type { Recovered } from './recovery/load-state.ts';

/** Smaller steps of the clock change nothing. */
const STEP_S = 60;

/**
 * The number of this start of the gateway, which every reading carries. It is larger than all numbers before, also than
 * those of an earlier data folder: a new folder begins with the seconds since 1970, every further start adds one.
 * The plant drops duplicates by this number; one that begins at 1 again would make it drop new readings.
 */
export class BootNumber {
  value: number;
  #provisional: boolean;

  /** `wall` is the time in milliseconds since the epoch. */
  constructor({ lastBoot, bootIsProvisional }: Recovered, wall: number) {
    this.value = lastBoot === undefined ? secondsOf(wall) : lastBoot + 1;
    this.#provisional = bootIsProvisional || lastBoot === undefined;
  }

  /** What is stored at the start. */
  get meta(): { readonly boot: number; readonly bootIsProvisional: number } {
    return { boot: this.value, bootIsProvisional: this.#provisional ? 1 : 0 };
  }

  /** The clock is right. A folder that was new while the clock was slow continues with a larger number. */
  clockIsRight(wall: number, journal: Pick<Journal, 'add'>): void {
    if (!this.#provisional) return;
    this.#provisional = false;
    const seconds = secondsOf(wall);
    if (seconds > this.value + STEP_S) this.value = seconds;
    journal.add(['setMeta', 'boot', this.value]);
    journal.add(['setMeta', 'bootIsProvisional', 0]);
  }
}

function secondsOf(wall: number): number {
  return Math.max(1, Math.floor(wall / 1000));
}
