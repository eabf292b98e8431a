import { defineDriver, signed, uint16, z } from '../src/driver-kit/driver.ts';

/** Configuration register, section 5.1.1. */
const CONFIGURATION = 0x01;
/** SHDN, bit 8: low-power mode, no conversions. */
const SHUTDOWN = 0x0100;
/** Ambient temperature register, section 5.1.3: three alert flags, the sign, 12 bits of 1/16 °C. */
const TEMPERATURE = 0x05;
/** Manufacturer ID register, section 5.1.4. */
const MANUFACTURER = 0x06;
const MICROCHIP = 0x0054;
/** Typical time of a conversion at the power-on resolution of 0.0625 °C: 250 ms; and 20 % more. */
const CONVERSION_MS = 300;

/** Degrees Celsius of the ambient temperature register; its flags in the upper three bits do not matter. */
export function toCelsius(raw: number): number {
  return signed(raw & 0x1fff, 13) / 16;
}

export default defineDriver({
  name: 'mcp9808',
  summary: 'Microchip MCP9808 temperature sensor, accurate to a quarter of a degree',
  datasheet: 'https://ww1.microchip.com/downloads/en/DeviceDoc/25095A.pdf',
  bus: 'i2c',
  addresses: [0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f],
  options: z.strictObject({}),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(chip, _options, tools, signal) {
    const register = async (pointer: number): Promise<number> =>
      uint16(await chip.transfer(Uint8Array.of(pointer), 2));

    const manufacturer = await register(MANUFACTURER);
    if (manufacturer !== MICROCHIP) {
      const shown = manufacturer.toString(16).padStart(4, '0');
      throw new Error(`not an MCP9808: its manufacturer ID is ${shown}, expected 0054`);
    }
    const configuration = await register(CONFIGURATION);
    if ((configuration & SHUTDOWN) !== 0) {
      const awake = configuration & ~SHUTDOWN;
      await chip.transfer(Uint8Array.of(CONFIGURATION, awake >> 8, awake & 0xff), 0);
    }
    await tools.sleep(CONVERSION_MS, signal);
    return { read: async () => ({ '': { value: toCelsius(await register(TEMPERATURE)) } }) };
  },
});
