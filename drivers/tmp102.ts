import { defineDriver, signed, uint16, z } from '../src/driver-kit/driver.ts';

/** Temperature register (read only), section "Temperature Register". */
const TEMPERATURE = 0x00;
/** Configuration register, section "Configuration Register". */
const CONFIGURATION = 0x01;

/** SD, byte 1 bit 0: in shutdown mode the temperature register keeps its last value. */
const SHUTDOWN = 0x0100;
/** Temperature register, bit 0: the value has 13 bits (extended mode) instead of 12. */
const EXTENDED = 0x0001;
/** Temperature register, bits 1 and 2: zero in both formats. */
const UNUSED = 0x0006;

/** The longest conversion; until the first one after power-up is over, the register says 0 °C. */
const CONVERSION_MS = 35;
const DEGREES_PER_BIT = 0.0625;

/** Degrees Celsius of the temperature register's 16 bits, in the format that its own bit 0 names. */
export function toCelsius(raw: number): number {
  return (signed(raw, 16) >> ((raw & EXTENDED) === 0 ? 4 : 3)) * DEGREES_PER_BIT;
}

export default defineDriver({
  name: 'tmp102',
  summary: 'Texas Instruments TMP102 temperature sensor, in normal or extended mode',
  datasheet: 'https://www.ti.com/lit/ds/symlink/tmp102.pdf',
  bus: 'i2c',
  addresses: [0x48, 0x49, 0x4a, 0x4b],
  options: z.strictObject({}),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(chip, _options, tools, signal) {
    const register = async (pointer: number): Promise<number> =>
      uint16(await chip.transfer(Uint8Array.of(pointer), 2));

    const configuration = await register(CONFIGURATION);
    if ((configuration & SHUTDOWN) !== 0) {
      const awake = configuration & ~SHUTDOWN;
      await chip.transfer(Uint8Array.of(CONFIGURATION, awake >> 8, awake & 0xff), 0);
    }
    await tools.sleep(CONVERSION_MS, signal);

    return {
      async read() {
        const raw = await register(TEMPERATURE);
        if ((raw & UNUSED) !== 0) {
          const shown = raw.toString(16).padStart(4, '0');
          throw new Error(`not a TMP102: its temperature register can't hold ${shown}`);
        }
        return { '': { value: toCelsius(raw) } };
      },
    };
  },
});
