import {
  checkSettings,
  defineDriver,
  type I2cDevice,
  qualifyPowerOn,
  SettingsLostError,
  signed,
  uint16,
  z,
} from '../src/driver-kit/driver.ts';

/** Temperature register (read only): 16 bits, two's complement, the highest bit is the sign. */
const TEMPERATURE = 0x00;
/** Configuration register, 8 bits. */
const CONFIGURATION = 0x01;
/** The limits of the alert output, of 9 bits; chips with a resolution to choose keep 12 bits. */
const HYSTERESIS = 0x02;
const LIMIT = 0x03;
const MORE_THAN_9_BITS = 0x0070;
/** Bit 0: in shutdown the temperature register keeps its last value. */
const SHUTDOWN = 0x01;
/** Bits 6 and 5 of TMP75, DS75 and alike: R1 and R0. Reserved in LM75, LM75A and LM75B. */
const RESOLUTION = 0x60;
/** The longest conversion of the slowest of these chips (National's LM75). */
const CONVERSION_MS = 300;

/** Bits of the temperature and R1 and R0, by degrees of one step; bits below are undefined and cut off. */
const STEPS = new Map([
  [0.5, { bits: 9, resolution: 0x00 }],
  [0.25, { bits: 10, resolution: 0x20 }],
  [0.125, { bits: 11, resolution: 0x40 }],
  [0.0625, { bits: 12, resolution: 0x60 }],
]);

/** Degrees Celsius of the temperature register's 16 bits at a resolution in degrees. */
export function toCelsius(raw: number, resolution: number): number {
  const unused = 16 - (STEPS.get(resolution)?.bits ?? 9);
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
      .literal([...STEPS.keys()])
      .default(0.5)
      .describe(
        'Degrees of one step: 0.5 fits all; LM75A and LM75B have 0.125; it is set in a TMP75 or DS75.',
      ),
  }),
  channels: () => [{ name: '', unit: '°C', range: [-55, 125] }],
  async open(chip, { resolution }, tools, signal) {
    const settings = await setUp(chip, resolution);
    await tools.sleep(CONVERSION_MS, signal);
    const powerOn = { value: 0, unit: '°C', conversionMs: CONVERSION_MS, near: 1 };
    const sample = qualifyPowerOn({ ...powerOn, clock: tools.clock });
    return {
      async read() {
        const bytes = await chip.transfer(Uint8Array.of(TEMPERATURE), 2);
        const configuration = await chip.transfer(Uint8Array.of(CONFIGURATION), 1);
        const read = Uint8Array.of(...bytes, ...configuration);
        const mask = Uint8Array.of(SHUTDOWN | RESOLUTION);
        checkSettings(configuration, Uint8Array.of(settings), { mask, read });
        if (read.every((byte) => byte === 0)) await checkLimits(chip);
        return { '': sample(toCelsius(uint16(bytes), resolution)) };
      },
    };
  },
});

/** 0 °C is real, and limits of 0 °C both are not: the limit must be above the hysteresis. */
async function checkLimits(chip: I2cDevice): Promise<void> {
  const limits = [await word(chip, HYSTERESIS), await word(chip, LIMIT)];
  if (limits.some((limit) => limit !== 0)) return;
  throw new SettingsLostError(
    'all registers read 0: the data line is held low, or the chip has no supply',
  );
}

/** Wakes the chip and sets its resolution. Returns the bits of its configuration that must stay. */
async function setUp(chip: I2cDevice, resolution: number): Promise<number> {
  const [before = 0] = await chip.transfer(Uint8Array.of(CONFIGURATION), 1);
  const own = before & RESOLUTION;
  const wanted = (await isFixed(chip, resolution)) ? own : (STEPS.get(resolution)?.resolution ?? 0);
  const after = (before & ~(SHUTDOWN | RESOLUTION)) | wanted;
  if (after !== before) await chip.transfer(Uint8Array.of(CONFIGURATION, after), 0);
  if (wanted === own) return wanted;
  const [now = 0] = await chip.transfer(Uint8Array.of(CONFIGURATION), 1);
  if ((now & RESOLUTION) === wanted) return wanted;
  if (now === 0) await checkLimits(chip);
  throw new Error(`the chip has no resolution of ${resolution} °C: its bits R1 and R0 do not stay`);
}

/**
 * Whether the resolution must not be set, because R1 and R0 are reserved: 9 bits fit every chip, and a chip of 11 bits
 * without these bits is known by its limits, which have 9 bits.
 */
async function isFixed(chip: I2cDevice, resolution: number): Promise<boolean> {
  if (resolution === 0.5) return true;
  if (resolution !== 0.125) return false;
  const before = await word(chip, HYSTERESIS);
  await writeWord(chip, HYSTERESIS, before ^ MORE_THAN_9_BITS);
  const after = await word(chip, HYSTERESIS);
  await writeWord(chip, HYSTERESIS, before);
  return ((before ^ after) & MORE_THAN_9_BITS) === 0;
}

async function word(chip: I2cDevice, pointer: number): Promise<number> {
  return uint16(await chip.transfer(Uint8Array.of(pointer), 2));
}

async function writeWord(chip: I2cDevice, pointer: number, value: number): Promise<void> {
  await chip.transfer(Uint8Array.of(pointer, value >> 8, value & 0xff), 0);
}
