import { type Chip, now, sensirionCrc } from './chip.ts';

/** Single shot, by command: clock stretching or not, high, medium, low repeatability, and the longest it takes in ms. */
const MEASUREMENTS = new Map([
  [0x2c06, 15.5],
  [0x2c0d, 6.5],
  [0x2c10, 4.5],
  [0x2400, 15.5],
  [0x240b, 6.5],
  [0x2416, 4.5],
]);
const BREAK = 0x3093;
const SOFT_RESET = 0x30a2;
const READ_STATUS = 0xf32d;
const CLEAR_STATUS = 0x3041;
const HEATER_ON = 0x306d;
const HEATER_OFF = 0x3066;
/** How much warmer its heater makes it. */
const HEATED_BY = 6;

const COMMANDS = [READ_STATUS, BREAK, SOFT_RESET, CLEAR_STATUS, HEATER_ON, HEATER_OFF];

export interface Sht3x extends Chip {
  celsius: number;
  humidity: number;
  /** Whether its checksums are wrong, as on a line with noise. */
  noisy: boolean;
}

/** SHT3x-DIS, sections 4.3 to 4.12: 16-bit commands; it does not acknowledge a read before the measurement is done. */
export function sht3x(celsius = 20, humidity = 50): Sht3x {
  let result: { readonly at: number; readonly words: readonly number[] } | undefined;
  let heater = false;
  const clamp = (raw: number): number => Math.max(0, Math.min(0xffff, Math.round(raw)));
  const chip: Sht3x = {
    celsius,
    humidity,
    noisy: false,
    write(bytes) {
      if (bytes.length === 0) return true;
      const command = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
      const takes = MEASUREMENTS.get(command);
      if (takes !== undefined) {
        const temperature = clamp(((chip.celsius + (heater ? HEATED_BY : 0) + 45) / 175) * 0xffff);
        const words = [temperature, clamp((chip.humidity / 100) * 0xffff)];
        result = { at: now() + takes, words };
        return true;
      }
      if (command === HEATER_ON || command === SOFT_RESET) heater = command === HEATER_ON;
      if (command === HEATER_OFF) heater = false;
      if (command === READ_STATUS) result = { at: now(), words: [heater ? 0xa010 : 0x8010] };
      else if (command === BREAK || command === SOFT_RESET) result = undefined;
      return COMMANDS.includes(command);
    },
    read(length) {
      if (result === undefined || now() < result.at) return undefined;
      const bytes = result.words.flatMap((word) => {
        const pair = [word >> 8, word & 0xff];
        return [...pair, sensirionCrc(pair) ^ (chip.noisy ? 0x04 : 0)];
      });
      result = undefined;
      return Uint8Array.from({ length }, (_, index) => bytes[index] ?? 0xff);
    },
  };
  return chip;
}
