import { defineDriver, openSht, SHT_CHANNELS, z } from '../src/driver-kit/driver.ts';

/** Break: ends periodic measurements, section "Break command / Stop Periodic Data Acquisition Mode". */
const BREAK = Uint8Array.of(0x30, 0x93);
const BREAK_MS = 2;
/** One measurement, high repeatability, no clock stretching: section "Measurement Commands for Single Shot". */
const MEASURE = Uint8Array.of(0x24, 0x00);
/** Longest measurement at high repeatability: 15.5 ms at low supply. */
const MEASUREMENT_MS = 16;

/** Percent relative humidity of the 16 bits, section "Conversion of Signal Output". */
export function toHumidity(raw: number): number {
  return (100 * raw) / 65_535;
}

export default defineDriver({
  name: 'sht3x',
  summary: 'Sensirion SHT30, SHT31 and SHT35 temperature and humidity sensors',
  datasheet: 'https://sensirion.com/media/documents/213E6A3B/63A5A569/Datasheet_SHT3x_DIS.pdf',
  bus: 'i2c',
  addresses: [0x44, 0x45],
  options: z.strictObject({}),
  channels: () => SHT_CHANNELS,
  open(chip, _options, tools, signal) {
    const parts = {
      reset: BREAK,
      resetMs: BREAK_MS,
      measure: MEASURE,
      measurementMs: MEASUREMENT_MS,
      toHumidity,
    };
    return openSht(chip, parts, tools, signal);
  },
});
