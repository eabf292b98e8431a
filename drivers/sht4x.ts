import { defineDriver, openSht, SHT_CHANNELS, z } from '../src/driver-kit/driver.ts';

/** Soft reset, table "Overview of I2C commands"; ready after 1 ms. */
const RESET = Uint8Array.of(0x94);
const RESET_MS = 2;
/** Measure with high precision, same table. */
const MEASURE = Uint8Array.of(0xfd);
/** Longest measurement at high precision: 8.3 ms. */
const MEASUREMENT_MS = 10;

/** Percent relative humidity of the 16 bits, section "Conversion of Signal Output"; the ends of the scale lie outside 0 to 100. */
export function toHumidity(raw: number): number {
  return -6 + (125 * raw) / 65_535;
}

export default defineDriver({
  name: 'sht4x',
  summary: 'Sensirion SHT40, SHT41 and SHT45 temperature and humidity sensors',
  datasheet: 'https://sensirion.com/resource/datasheet/sht4x',
  bus: 'i2c',
  addresses: [0x44, 0x45, 0x46],
  options: z.strictObject({}),
  readMs: () => MEASUREMENT_MS,
  channels: () => SHT_CHANNELS,
  open(chip, _options, tools, signal) {
    const parts = {
      reset: RESET,
      resetMs: RESET_MS,
      measure: MEASURE,
      measurementMs: MEASUREMENT_MS,
      toHumidity,
    };
    return openSht(chip, parts, tools, signal);
  },
});
