import {
  checkSettings,
  defineDriver,
  inputPins,
  pinChannels,
  pinSensor,
  registerPins,
  z,
} from '../src/driver-kit/driver.ts';

/** Register pairs, port 0 first: section "Register Descriptions" / "Control Register and Command Byte". */
const INPUT = 0x00;
const OUTPUT = 0x02;
const POLARITY = 0x04;
/** 1 is input, the power-on value. */
const CONFIGURATION = 0x06;

/** P00 to P07 are pins 0 to 7, P10 to P17 are pins 8 to 15. */
const NAMES = Array.from({ length: 16 }, (_, pin) => `p${pin >> 3}${pin & 7}`);

export default defineDriver({
  name: 'pca9535',
  summary: 'PCA9535, PCA9555, TCA9535 and TCA9555: up to sixteen digital inputs over I2C',
  datasheet: 'https://www.ti.com/lit/ds/symlink/tca9535.pdf',
  bus: 'i2c',
  addresses: Array.from({ length: 8 }, (_, index) => 0x20 + index),
  outputs: {
    pins: 16,
    open: async (chip) =>
      registerPins(chip, {
        output: OUTPUT,
        direction: CONFIGURATION,
        polarity: POLARITY,
        level: INPUT,
      }),
  },
  options: z.strictObject({
    pins: z
      .array(z.int().min(0).max(15))
      .min(1)
      .max(16)
      .default(Array.from({ length: 16 }, (_, pin) => pin))
      .describe('Pins that become inputs: 0 to 7 for P00 to P07, 8 to 15 for P10 to P17.'),
    activeLow: z.boolean().default(false).describe('Whether a low pin is true.'),
    interrupt: z
      .string()
      .optional()
      .describe('GPIO line that INT is wired to; changes are then published at once.'),
  }),
  channels: ({ pins }) => pinChannels(NAMES, pins),
  async open(chip, { pins, activeLow, interrupt }, tools) {
    const inputs = inputPins(chip, pins);
    await inputs.set(POLARITY, false);
    await inputs.set(CONFIGURATION, true);
    const own = pins.reduce((bits, pin) => bits | (1 << pin), 0);
    const bits = [own & 0xff, own >> 8];
    const expected = Uint8Array.of(0, 0, ...bits);
    const levels = async (): Promise<number> => {
      const levelsNow = await inputs.read(INPUT);
      const found = Uint8Array.of(
        ...(await chip.transfer(Uint8Array.of(POLARITY), 2)),
        ...(await chip.transfer(Uint8Array.of(CONFIGURATION), 2)),
      );
      checkSettings(found, expected, { mask: Uint8Array.of(...bits, ...bits) });
      return levelsNow;
    };
    return pinSensor({ names: NAMES, pins, activeLow, interrupt, tools, levels });
  },
});
