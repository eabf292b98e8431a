import {
  acceptOption,
  checkId,
  checkSettings,
  defineDriver,
  qualifyPowerOn,
  signed,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Configuration register, section 5.1.1. */
const CONFIGURATION = 0x01;
/** SHDN, bit 8: low-power mode, no conversions. */
const SHUTDOWN = 0x0100;
/** Bits 15 to 11, unimplemented: read as 0. */
const UNIMPLEMENTED = 0xf800;
/** Ambient temperature register, section 5.1.3: three alert flags, the sign, 12 bits of 1/16 °C. */
const TEMPERATURE = 0x05;
/** Manufacturer ID register, section 5.1.4. */
const MANUFACTURER = 0x06;
const MICROCHIP = 0x0054;
/** Resolution register, section 5.1.6: 0.0625 °C, the power-on value. */
const RESOLUTION = 0x08;
const FINEST = 0x03;
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
  options: z.strictObject({ accept: acceptOption }),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(chip, { accept }, tools, signal) {
    const register = (pointer: number, length = 2): Promise<Uint8Array> =>
      chip.transfer(Uint8Array.of(pointer), length);

    const id = await register(MANUFACTURER);
    const called = 'its manufacturer ID is';
    checkId({ chip: 'an MCP9808', called, bytes: id, expected: MICROCHIP, accept }, tools);
    const configuration = uint16(await register(CONFIGURATION));
    if ((configuration & SHUTDOWN) !== 0) {
      const awake = configuration & ~SHUTDOWN;
      await chip.transfer(Uint8Array.of(CONFIGURATION, awake >> 8, awake & 0xff), 0);
    }
    await chip.transfer(Uint8Array.of(RESOLUTION, FINEST), 0);
    await tools.sleep(CONVERSION_MS, signal);

    const expected = Uint8Array.of(...id, 0, FINEST);
    const mask = Uint8Array.of(0xff, 0xff, (SHUTDOWN | UNIMPLEMENTED) >> 8, 0xff);
    const powerOn = { value: 0, unit: '°C', conversionMs: CONVERSION_MS, near: 1 };
    const sample = qualifyPowerOn({ ...powerOn, clock: tools.clock });
    return {
      async read() {
        const bytes = await register(TEMPERATURE);
        const [high = 0] = await register(CONFIGURATION);
        const resolution = await register(RESOLUTION, 1);
        const found = Uint8Array.of(...(await register(MANUFACTURER)), high, ...resolution);
        checkSettings(found, expected, { mask });
        return { '': sample(toCelsius(uint16(bytes))) };
      },
    };
  },
});
