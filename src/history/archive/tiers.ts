/** A resolution of the history. Seconds are folded into minutes when their hour is over, minutes into hours when their day is. */
export interface Tier {
  /** Milliseconds of one slot. */
  readonly slotMs: number;
  /** Slots of one chunk. */
  readonly slots: number;
  /** The longest time for which it is kept, in milliseconds. */
  readonly keepMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** From the finest to the coarsest. */
export const TIERS: readonly Tier[] = [
  { slotMs: SECOND_MS, slots: 60, keepMs: 2 * DAY_MS },
  { slotMs: MINUTE_MS, slots: 60, keepMs: 62 * DAY_MS },
  { slotMs: HOUR_MS, slots: 24, keepMs: Number.POSITIVE_INFINITY },
];

export const chunkMs = ({ slotMs, slots }: Tier): number => slotMs * slots;

/** The start of the chunk or slot of `ms` in which a moment lies. */
export const startOf = (at: number, ms: number): number => Math.floor(at / ms) * ms;
