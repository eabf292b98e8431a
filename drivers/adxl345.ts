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

/** Register names as in section "Register Map". */
const DEVID = 0x00;
const ADXL345 = 0xe5;
/** OFSX, OFSY, OFSZ: added to each sample. */
const OFFSETS = 0x1e;
/** BW_RATE and POWER_CTL follow each other. */
const BW_RATE = 0x2c;
const POWER_CTL = 0x2d;
const MEASURE = 0x08;
const DATA_FORMAT = 0x31;
/** DATA_FORMAT: 3.9 mg a step at every range. */
const FULL_RES = 0x08;
const DATAX0 = 0x32;
const FIFO_CTL = 0x38;
/** FIFO_CTL: bypass empties it; stream keeps the latest 32. */
const BYPASS = 0x00;
const STREAM = 0x80;
const FIFO_STATUS = 0x39;
const ENTRIES = 0x3f;
const FIFO_SIZE = 32;

/** Rate code in BW_RATE by samples per second, table "Typical Current Consumption vs. Data Rate". */
const RATES = new Map([
  [50, 0x09],
  [100, 0x0a],
  [200, 0x0b],
  [400, 0x0c],
]);
/** Range bits in DATA_FORMAT by full scale in g. */
const RANGES = new Map([
  [2, 0x00],
  [4, 0x01],
  [8, 0x02],
  [16, 0x03],
]);
/** In full resolution. */
const STEPS_PER_G = 256;

/** g of the three axes from DATAX0 to DATAZ1: two's complement in full resolution, the low byte first. */
export function toAcceleration(bytes: Uint8Array): Acceleration {
  const axis = (at: number): number => signed(uint16le(bytes, at), 16) / STEPS_PER_G;
  return [axis(0), axis(2), axis(4)];
}

export default defineDriver({
  name: 'adxl345',
  summary: 'Analog Devices ADXL345 accelerometer as a vibration sensor: RMS, peak, frequency',
  datasheet: 'https://www.analog.com/media/en/technical-documentation/data-sheets/adxl345.pdf',
  bus: 'i2c',
  addresses: [0x53, 0x1d],
  options: z.strictObject({
    range: z
      .literal([...RANGES.keys()])
      .default(4)
      .describe('Full scale in g.'),
    rate: z
      .literal([...RATES.keys()])
      .default(200)
      .describe(
        'Samples per second; frequencies up to half of it are seen. 400 needs a bus of 400 kHz.',
      ),
    window: z
      .literal([32, 64, 128, 256, 512])
      .default(128)
      .describe('Samples of one reading; `timeout` must be longer than window / rate.'),
    accept: acceptOption,
  }),
  readMs: vibrationMs,
  channels: () => VIBRATION_CHANNELS,
  async open(chip, { range, rate, window, accept }, tools) {
    await identify(chip, accept, tools);
    const [rateCode, format] = [RATES.get(rate) ?? 0, FULL_RES | (RANGES.get(range) ?? 0)];
    await setUp(chip, rateCode, format);

    const fifo = {
      async restart(): Promise<void> {
        await chip.transfer(Uint8Array.of(FIFO_CTL, BYPASS), 0);
        await chip.transfer(Uint8Array.of(FIFO_CTL, STREAM), 0);
      },
      async count(): Promise<number> {
        const [status = 0] = await chip.transfer(Uint8Array.of(FIFO_STATUS), 1);
        const entries = status & ENTRIES;
        if (entries < FIFO_SIZE) return entries;
        await fifo.check();
        throw new Error('samples were lost: the bus is too busy');
      },
      async check(): Promise<void> {
        const found = Uint8Array.of(
          ...(await chip.transfer(Uint8Array.of(BW_RATE), 2)),
          ...(await chip.transfer(Uint8Array.of(DATA_FORMAT), 1)),
          ...(await chip.transfer(Uint8Array.of(FIFO_CTL), 1)),
          ...(await chip.transfer(Uint8Array.of(OFFSETS), 3)),
        );
        checkSettings(found, Uint8Array.of(rateCode, MEASURE, format, STREAM, 0, 0, 0));
      },
      take: async () => toAcceleration(await chip.transfer(Uint8Array.of(DATAX0), 6)),
    };
    return { read: (signal) => readVibration(fifo, { window, rate, range }, tools, signal) };
  },
});

async function identify(
  chip: I2cDevice,
  accept: { readonly id: number } | undefined,
  tools: Tools,
): Promise<void> {
  const bytes = await chip.transfer(Uint8Array.of(DEVID), 1);
  checkId({ chip: 'an ADXL345', called: 'DEVID is', bytes, expected: ADXL345, accept }, tools);
}

async function setUp(chip: I2cDevice, rateCode: number, format: number): Promise<void> {
  await chip.transfer(Uint8Array.of(OFFSETS, 0, 0, 0), 0);
  await chip.transfer(Uint8Array.of(BW_RATE, rateCode), 0);
  await chip.transfer(Uint8Array.of(DATA_FORMAT, format), 0);
  await chip.transfer(Uint8Array.of(POWER_CTL, MEASURE), 0);
}
