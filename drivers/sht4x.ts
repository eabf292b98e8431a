import { defineDriver, sensirionWords, z } from '../src/driver-kit/driver.ts';

/** Soft reset, table "Overview of I2C commands"; ready after 1 ms. */
const RESET = Uint8Array.of(0x94);
const RESET_MS = 2;
/** Measure with high precision, same table. */
const MEASURE = Uint8Array.of(0xfd);
/** Longest measurement at high precision: 8.3 ms. */
const MEASUREMENT_MS = 10;

/** Degrees Celsius of the 16 bits, section "Conversion of Signal Output". */
export function toCelsius(raw: number): number {
  return -45 + (175 * raw) / 65_535;
}

/** Percent relative humidity of the 16 bits, same section; the ends of the scale lie outside 0 to 100. */
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
  channels: () => [
    { name: 'temperature', unit: '°C', range: [-40, 125] },
    { name: 'humidity', unit: '%', range: [0, 100] },
  ],
  async open(chip, _options, tools, openSignal) {
    await chip.transfer(RESET, 0);
    await tools.sleep(RESET_MS, openSignal);
    return {
      async read(signal) {
        await chip.transfer(MEASURE, 0);
        await tools.sleep(MEASUREMENT_MS, signal);
        const [temperature = 0, humidity = 0] = sensirionWords(
          await chip.transfer(new Uint8Array(), 6),
        );
        return {
          temperature: { value: toCelsius(temperature) },
          humidity: { value: toHumidity(humidity) },
        };
      },
    };
  },
});
