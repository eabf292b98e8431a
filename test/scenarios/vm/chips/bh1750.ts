import { type Chip, now } from './chip.ts';

const POWER_DOWN = 0x00;
const POWER_ON = 0x01;
const RESET = 0x07;
/** The measurement time register after power-on. */
const USUAL_TIME = 69;
/** Longest measurement in ms by instruction: H and H2 resolution 180, L resolution 24. */
const MEASUREMENTS = new Map([
  [0x10, 180],
  [0x11, 180],
  [0x13, 24],
  [0x20, 180],
  [0x21, 180],
  [0x23, 24],
]);

export interface Bh1750 extends Chip {
  lux: number;
}

/** BH1750FVI: instructions of one byte; a measurement counts for as long as the measurement time says; a read gives what was measured last. */
export function bh1750(lux = 100): Bh1750 {
  let on = false;
  let doneAt = 0;
  let [data, next] = [0, 0];
  let time = USUAL_TIME;
  const settle = (): void => {
    if (doneAt > 0 && now() >= doneAt) [data, doneAt] = [next, 0];
  };
  const chip: Bh1750 = {
    lux,
    write(bytes) {
      settle();
      const [instruction] = bytes;
      const takes = instruction === undefined ? undefined : MEASUREMENTS.get(instruction);
      if (instruction === POWER_DOWN) on = false;
      else if (instruction === POWER_ON) on = true;
      else if (instruction === RESET && on) data = 0;
      else if (instruction !== undefined && instruction >> 3 === 0b01000)
        time = ((instruction & 0x07) << 5) | (time & 0x1f);
      else if (instruction !== undefined && instruction >> 5 === 0b011)
        time = (time & 0xe0) | (instruction & 0x1f);
      else if (takes !== undefined) {
        next = Math.min(0xffff, Math.round((chip.lux * 1.2 * time) / USUAL_TIME));
        // Measuring switches it on by itself.
        [on, doneAt] = [true, now() + (takes * time) / USUAL_TIME];
      }
      return true;
    },
    read(length) {
      settle();
      const bytes = [data >> 8, data & 0xff];
      return Uint8Array.from({ length }, (_, index) => bytes[index] ?? 0xff);
    },
  };
  return chip;
}
