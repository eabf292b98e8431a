import { type Chip, now, sensirionCrc } from './chip.ts';

/** Measurement at high, medium and low precision, by command, and the longest it takes in ms: table 4. */
const MEASUREMENTS = new Map([
  [0xfd, 8.3],
  [0xf6, 4.5],
  [0xe0, 1.6],
]);
const SERIAL = 0x89;
const SOFT_RESET = 0x94;

export interface Sht4x extends Chip {
  celsius: number;
  /** The raw 16 bits of the humidity: its scale goes from -6 to 119 %. */
  rawHumidity: number;
  noisy: boolean;
}

/** SHT4x, section 4: commands of one byte; a read is not acknowledged before the measurement is done. */
export function sht4x(celsius = 20, humidity = 50): Sht4x {
  let result: { readonly at: number; readonly words: readonly number[] } | undefined;
  const chip: Sht4x = {
    celsius,
    rawHumidity: Math.round(((humidity + 6) / 125) * 0xffff),
    noisy: false,
    write(bytes) {
      const [command] = bytes;
      if (command === undefined) return true;
      const takes = MEASUREMENTS.get(command);
      if (takes !== undefined) {
        const temperature = Math.round(((chip.celsius + 45) / 175) * 0xffff);
        result = { at: now() + takes, words: [temperature, chip.rawHumidity] };
      } else if (command === SERIAL) result = { at: now(), words: [0x0f4a, 0x3c11] };
      else if (command === SOFT_RESET) result = undefined;
      else return false;
      return true;
    },
    read(length) {
      if (result === undefined || now() < result.at) return undefined;
      const bytes = result.words.flatMap((word) => {
        const pair = [word >> 8, word & 0xff];
        return [...pair, sensirionCrc(pair) ^ (chip.noisy ? 0x80 : 0)];
      });
      result = undefined;
      return Uint8Array.from({ length }, (_, index) => bytes[index] ?? 0xff);
    },
  };
  return chip;
}
