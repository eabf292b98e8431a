import {
  defineDriver,
  type I2cDevice,
  openSht,
  SettingsLostError,
  SHT_CHANNELS,
  sensirionWords,
  z,
} from '../src/driver-kit/driver.ts';

/** Break: ends periodic measurements, section "Break command / Stop Periodic Data Acquisition Mode". */
const BREAK = Uint8Array.of(0x30, 0x93);
const BREAK_MS = 2;
/** Soft reset, section "Soft Reset / Re-Initialization": among others the heater is off. */
const RESET = Uint8Array.of(0x30, 0xa2);
const RESET_MS = 2;
/** Status register, section "Status Register", and its bit of the heater. */
const READ_STATUS = Uint8Array.of(0xf3, 0x2d);
const HEATER = 0x2000;
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
  readMs: () => MEASUREMENT_MS,
  channels: () => SHT_CHANNELS,
  async open(chip, _options, tools, signal) {
    await chip.transfer(BREAK, 0);
    await tools.sleep(BREAK_MS, signal);
    const parts = {
      reset: RESET,
      resetMs: RESET_MS,
      measure: MEASURE,
      measurementMs: MEASUREMENT_MS,
      toHumidity,
      check,
    };
    return openSht(chip, parts, tools, signal);
  },
});

async function check(chip: I2cDevice): Promise<void> {
  const [status = 0] = sensirionWords(await chip.transfer(READ_STATUS, 3));
  if ((status & HEATER) !== 0)
    throw new SettingsLostError('the heater is on: another program has switched it on');
}
