import {
  defineDriver,
  inputPins,
  pinChannels,
  pinSensor,
  registerPins,
  z,
} from '../src/driver-kit/driver.ts';

/** Register pairs, port A first, while IOCON.BANK is 0 as after power-on: table 3-3. */
const IODIR = 0x00;
const IPOL = 0x02;
const GPINTEN = 0x04;
const INTCON = 0x08;
const IOCON = 0x0a;
const GPPU = 0x0c;
const GPIO = 0x12;
const OLAT = 0x14;

/** IOCON: INTA and INTB are the same; they are open drain. */
const MIRROR = 0x40;
const OPEN_DRAIN = 0x04;

const NAMES = Array.from({ length: 16 }, (_, pin) => `${pin < 8 ? 'a' : 'b'}${pin & 7}`);

export default defineDriver({
  name: 'mcp23017',
  summary: 'Microchip MCP23017: up to sixteen digital inputs over I2C',
  datasheet: 'https://ww1.microchip.com/downloads/en/DeviceDoc/20001952C.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 8 }, (_, index) => 0x20 + index),
  outputs: {
    pins: 16,
    open: async (chip) =>
      registerPins(chip, { output: OLAT, direction: IODIR, polarity: IPOL, level: GPIO }),
  },
  options: z.strictObject({
    pins: z
      .array(z.int().min(0).max(15))
      .min(1)
      .max(16)
      .default(Array.from({ length: 16 }, (_, pin) => pin))
      .describe('Pins that become inputs: 0 to 7 for GPA0 to GPA7, 8 to 15 for GPB0 to GPB7.'),
    pullUps: z.boolean().default(false).describe("Switches the chip's pull-ups (100 kΩ) on."),
    activeLow: z.boolean().default(false).describe('Whether a low pin is true.'),
    interrupt: z
      .string()
      .optional()
      .describe('GPIO line that INTA or INTB is wired to; changes are then published at once.'),
  }),
  channels: ({ pins }) => pinChannels(NAMES, pins),
  async open(chip, { pins, pullUps, activeLow, interrupt }, tools) {
    const inputs = inputPins(chip, pins);
    await inputs.set(IPOL, false);
    await inputs.set(GPPU, pullUps);
    await inputs.set(IODIR, true);
    if (interrupt !== undefined) {
      await chip.transfer(Uint8Array.of(IOCON, MIRROR | OPEN_DRAIN), 0);
      // Each change counts, not a difference from a fixed value.
      await inputs.set(INTCON, false);
      await inputs.set(GPINTEN, true);
    }
    const levels = (): Promise<number> => inputs.read(GPIO);
    return pinSensor({ names: NAMES, pins, activeLow, interrupt, tools, levels });
  },
});
