/** Loaded before the gateway: its wall clock is ahead by AGE_SHIFT_MS. */
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
