import {
  type Acceleration,
  acceptOption,
  checkId,
  checkSettings,
  defineDriver,
  type I2cDevice,
  readVibration,
  signed,
  type Tools,
  uint16le,
  VIBRATION_CHANNELS,
  vibrationMs,
  z,
} from '../src/driver-kit/driver.ts';

/** Register names as in section 8, "Register description". */
const WHO_AM_I = 0x0f;
const LIS3DH = 0x33;
/** CTRL_REG1 to CTRL_REG6 follow each other. */
const CTRL_REG1 = 0x20;
const OUT_X_L = 0x28;
const FIFO_CTRL_REG = 0x2e;
const FIFO_SRC_REG = 0x2f;

/** Bit 7 of a register's address: several bytes are read one after the other, section 6.1.1. */
const INCREMENT = 0x80;
/** CTRL_REG1: all three axes, 12 bits. */
const AXES = 0x07;
/** CTRL_REG4: BDU, both bytes of a value are of the same sample; HR, 12 bits. */
const WHOLE_HIGH_RESOLUTION = 0x88;
const FIFO_ON = 0x40;
/** FIFO_CTRL_REG: bypass empties it; stream keeps the latest 32. */
const BYPASS = 0x00;
const STREAM = 0x80;
/** FIFO_SRC_REG: samples were lost; how many there are. */
const OVERRUN = 0x40;
const COUNT = 0x1f;

/** ODR[3:0] in CTRL_REG1 by samples per second. */
const RATES = new Map([
  [50, 0x40],
  [100, 0x50],
  [200, 0x60],
  [400, 0x70],
]);

/** FS[1:0] in CTRL_REG4 and milli-g of one of 12 bits, table "Mechanical characteristics", by full scale in g. */
const RANGES = new Map([
  [2, { bits: 0x00, step: 1 }],
  [4, { bits: 0x10, step: 2 }],
  [8, { bits: 0x20, step: 4 }],
  [16, { bits: 0x30, step: 12 }],
]);

/** g of the three axes from OUT_X_L to OUT_Z_H: 12 bits each, left-justified; a step in milli-g. */
export function toAcceleration(bytes: Uint8Array, step: number): Acceleration {
  const axis = (at: number): number => ((signed(uint16le(bytes, at), 16) >> 4) * step) / 1000;
  return [axis(0), axis(2), axis(4)];
}

export default defineDriver({
  name: 'lis3dh',
  summary: 'ST LIS3DH accelerometer as a vibration sensor: RMS, peak, strongest frequency',
  datasheet: 'https://www.st.com/resource/en/datasheet/lis3dh.pdf',
  bus: 'i2c',
  addresses: [0x18, 0x19],
  options: z.strictObject({
    range: z
      .literal([...RANGES.keys()])
      .default(4)
      .describe('Full scale in g.'),
    rate: z
      .literal([...RATES.keys()])
      .default(400)
      .describe('Samples per second; frequencies up to half of it are seen.'),
    window: z
      .literal([32, 64, 128, 256, 512])
      .default(128)
      .describe('Samples of one reading; `timeout` must be longer than window / rate.'),
    accept: acceptOption,
  }),
  readMs: vibrationMs,
  channels: () => VIBRATION_CHANNELS,
  async open(chip, { range, rate, window, accept }, tools) {
    const { bits, step } = RANGES.get(range) ?? { bits: 0, step: 1 };
    await identify(chip, accept, tools);
    const settings = settingsOf(RATES.get(rate) ?? 0, bits);
    await chip.transfer(Uint8Array.of(CTRL_REG1 | INCREMENT, ...settings), 0);

    const fifo = {
      async restart(): Promise<void> {
        await chip.transfer(Uint8Array.of(FIFO_CTRL_REG, BYPASS), 0);
        await chip.transfer(Uint8Array.of(FIFO_CTRL_REG, STREAM), 0);
      },
      async count(): Promise<number> {
        const [source = 0] = await chip.transfer(Uint8Array.of(FIFO_SRC_REG), 1);
        if ((source & OVERRUN) === 0) return source & COUNT;
        await fifo.check();
        throw new Error('samples were lost: the bus is too busy');
      },
      async check(): Promise<void> {
        const found = await chip.transfer(Uint8Array.of(CTRL_REG1 | INCREMENT), settings.length);
        checkSettings(found, settings);
      },
      take: async () =>
        toAcceleration(await chip.transfer(Uint8Array.of(OUT_X_L | INCREMENT), 6), step),
    };
    return { read: (signal) => readVibration(fifo, { window, rate, range }, tools, signal) };
  },
});

async function identify(
  chip: I2cDevice,
  accept: { readonly id: number } | undefined,
  tools: Tools,
): Promise<void> {
  const bytes = await chip.transfer(Uint8Array.of(WHO_AM_I), 1);
  checkId({ chip: 'a LIS3DH', called: 'WHO_AM_I is', bytes, expected: LIS3DH, accept }, tools);
}

/** CTRL_REG1 to CTRL_REG6: no high-pass filter, no interrupts, no self-test. */
function settingsOf(rateBits: number, rangeBits: number): Uint8Array {
  return Uint8Array.of(rateBits | AXES, 0, 0, rangeBits | WHOLE_HIGH_RESOLUTION, FIFO_ON, 0);
}
