/** Loaded before the gateway: its wall clock is ahead by AGE_SHIFT_MS, and what it does each minute or less often comes sooner. */
const shift = Number(process.env.AGE_SHIFT_MS ?? 0);
const RealDate = globalThis.Date;

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + shift);
    else super(...values);
  }

  static now() {
    return RealDate.now() + shift;
  }
};

/** A day lasts ten seconds: what is done each minute would never be. */
const MINUTE_MS = 60_000;
const FASTER = 30;
const realInterval = globalThis.setInterval;

globalThis.setInterval = (callback, ms, ...values) =>
  realInterval(callback, ms >= MINUTE_MS ? ms / FASTER : ms, ...values);
