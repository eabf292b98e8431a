import {
  defineDriver,
  type I2cDevice,
  type OutputChip,
  pinChannels,
  pinSensor,
  z,
} from '../src/driver-kit/driver.ts';

const NAMES = Array.from({ length: 8 }, (_, pin) => `p${pin}`);
/** A pin is an input while it is written as high, section "Quasi-bidirectional I/Os"; the chip has no registers. */
const ALL_INPUTS = Uint8Array.of(0xff);

async function readLevels(chip: I2cDevice): Promise<number> {
  const [byte = 0] = await chip.transfer(new Uint8Array(), 1);
  return byte;
}

/** Pins that were low stay so: others may be driven already. */
async function outputChip(chip: I2cDevice): Promise<OutputChip> {
  let latch = await readLevels(chip);
  return {
    async drive(pin, level) {
      latch = level ? latch | (1 << pin) : latch & ~(1 << pin);
      await chip.transfer(Uint8Array.of(latch), 0);
    },
    async read(pin) {
      const high = ((await readLevels(chip)) & (1 << pin)) !== 0;
      // No pull-up is stronger than a pin that is driven low.
      if (high && (latch & (1 << pin)) === 0)
        throw new Error('the chip was reset: its pin is no longer driven');
      return high;
    },
  };
}

export default defineDriver({
  name: 'pcf8574',
  summary: 'PCF8574 and PCF8574A: eight digital inputs over I2C',
  datasheet: 'https://www.ti.com/lit/ds/symlink/pcf8574.pdf',
  bus: 'i2c',
  addresses: [
    ...Array.from({ length: 8 }, (_, index) => 0x20 + index),
    ...Array.from({ length: 8 }, (_, index) => 0x38 + index),
  ],
  outputs: { pins: 8, alone: true, open: outputChip },
  options: z.strictObject({
    pins: z
      .array(z.int().min(0).max(7))
      .min(1)
      .max(8)
      .default([0, 1, 2, 3, 4, 5, 6, 7])
      .describe('Pins that are published, 0 for P0; all eight become inputs.'),
    activeLow: z.boolean().default(false).describe('Whether a low pin is true.'),
    interrupt: z
      .string()
      .optional()
      .describe('GPIO line that INT is wired to; changes are then published at once.'),
  }),
  channels: ({ pins }) => pinChannels(NAMES, pins),
  async open(chip, { pins, activeLow, interrupt }, tools) {
    await chip.transfer(ALL_INPUTS, 0);
    // What the chip drives can not be read: all pins are made inputs again with each read.
    const levels = async (): Promise<number> => {
      const [byte = 0] = await chip.transfer(ALL_INPUTS, 1);
      return byte;
    };
    return pinSensor({ names: NAMES, pins, activeLow, interrupt, tools, levels });
  },
});
