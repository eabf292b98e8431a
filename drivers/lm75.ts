import { defineDriver, signed, uint16, z } from '../src/driver-kit/driver.ts';

/** Temperature register (read only): 16 bits, two's complement, the highest bit is the sign. */
const TEMPERATURE = 0x00;
/** Configuration register, 8 bits. */
const CONFIGURATION = 0x01;
/** Bit 0: in shutdown the temperature register keeps its last value. */
const SHUTDOWN = 0x01;
/** The longest conversion of the slowest of these chips (National's LM75). */
const CONVERSION_MS = 300;

/** Bits of the temperature by degrees of one step; those below are undefined and cut off. */
const BITS = new Map([
  [0.5, 9],
  [0.125, 11],
  [0.0625, 12],
]);

/** Degrees Celsius of the temperature register's 16 bits at a resolution in degrees. */
export function toCelsius(raw: number, resolution: number): number {
  const unused = 16 - (BITS.get(resolution) ?? 9);
  return (signed(raw, 16) >> unused) * resolution;
}

export default defineDriver({
  name: 'lm75',
  summary: 'LM75 temperature sensor and compatible ones: LM75A, LM75B, TMP75, DS75 and others',
  datasheet: 'https://www.ti.com/lit/ds/symlink/lm75b.pdf',
  bus: 'i2c',
  addresses: [0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f],
  options: z.strictObject({
    resolution: z
      .literal([...BITS.keys()])
      .default(0.5)
      .describe(
        'Degrees of one step: 0.5 fits all of them, LM75A and LM75B have 0.125, TMP75 0.0625.',
      ),
  }),
  channels: () => [{ name: '', unit: '°C', range: [-55, 125] }],
  async open(chip, { resolution }, tools, signal) {
    const [configuration = 0] = await chip.transfer(Uint8Array.of(CONFIGURATION), 1);
    if ((configuration & SHUTDOWN) !== 0) {
      await chip.transfer(Uint8Array.of(CONFIGURATION, configuration & ~SHUTDOWN), 0);
    }
    await tools.sleep(CONVERSION_MS, signal);
    return {
      async read() {
        const raw = uint16(await chip.transfer(Uint8Array.of(TEMPERATURE), 2));
        return { '': { value: toCelsius(raw, resolution) } };
      },
    };
  },
});
