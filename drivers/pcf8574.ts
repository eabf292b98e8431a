import { defineDriver, pinSensor, z } from '../src/driver.ts';

const NAMES = Array.from({ length: 8 }, (_, pin) => `p${pin}`);
/** A pin is an input while it is written as high, section "Quasi-bidirectional I/Os"; the chip has no registers. */
const ALL_INPUTS = Uint8Array.of(0xff);

export default defineDriver({
  name: 'pcf8574',
  summary: 'PCF8574 and PCF8574A: eight digital inputs over I2C',
  datasheet: 'https://www.ti.com/lit/ds/symlink/pcf8574.pdf',
  bus: 'i2c',
  addresses: [
    ...Array.from({ length: 8 }, (_, index) => 0x20 + index),
    ...Array.from({ length: 8 }, (_, index) => 0x38 + index),
  ],
  options: z.strictObject({
    pins: z
      .array(z.int().min(0).max(7))
      .min(1)
      .max(8)
      .default([0, 1, 2, 3, 4, 5, 6, 7])
      .describe('Pins that are told, 0 for P0; all eight become inputs.'),
    activeLow: z.boolean().default(false).describe('Whether a low pin is true.'),
    interrupt: z
      .string()
      .optional()
      .describe('GPIO line that INT is wired to; changes are then told at once.'),
  }),
  channels: ({ pins }) => [...new Set(pins)].map((pin) => ({ name: `p${pin}`, unit: '' })),
  async open(chip, { pins, activeLow, interrupt }, tools) {
    await chip.transfer(ALL_INPUTS, 0);
    const levels = async (): Promise<number> => {
      const [byte = 0] = await chip.transfer(new Uint8Array(), 1);
      return byte;
    };
    return pinSensor({ names: NAMES, pins, activeLow, interrupt, tools, levels });
  },
});
