import { defineDriver, sensirionWords, z } from '../src/driver-kit/driver.ts';

/** Break: ends periodic measurements, section "Break command / Stop Periodic Data Acquisition Mode". */
const BREAK = Uint8Array.of(0x30, 0x93);
const BREAK_MS = 2;
/** One measurement, high repeatability, no clock stretching: section "Measurement Commands for Single Shot". */
const MEASURE = Uint8Array.of(0x24, 0x00);
/** Longest measurement at high repeatability: 15.5 ms at low supply. */
const MEASUREMENT_MS = 16;

/** Degrees Celsius of the 16 bits, section "Conversion of Signal Output". */
export function toCelsius(raw: number): number {
  return -45 + (175 * raw) / 65_535;
}

/** Percent relative humidity of the 16 bits, same section. */
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
  channels: () => [
    { name: 'temperature', unit: '°C', range: [-40, 125] },
    { name: 'humidity', unit: '%', range: [0, 100] },
  ],
  async open(chip, _options, tools, openSignal) {
    await chip.transfer(BREAK, 0);
    await tools.sleep(BREAK_MS, openSignal);
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
