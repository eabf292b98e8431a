import {
  acceptOption,
  checkId,
  checkSettings,
  deadLine,
  defineDriver,
  type I2cDevice,
  type Samples,
  signed,
  type Tools,
  uint16le,
  z,
} from '../src/driver-kit/driver.ts';

/** Register names as in section 5.3, "Memory map". */
const ID = 0xd0;
const BME280 = 0x60;
const BMP280 = 0x58;
const RESET = 0xe0;
const RESET_WORD = 0xb6;
const STATUS = 0xf3;
/** STATUS: a conversion is running; the calibration is being copied. */
const MEASURING = 0x08;
const COPYING = 0x01;
const CTRL_HUM = 0xf2;
const CTRL_MEAS = 0xf4;
const CONFIG = 0xf5;
const DATA = 0xf7;
/** calib00 to calib25 and calib26 to calib32, table "Compensation parameter storage". */
const CALIBRATION_LOW = 0x88;
const CALIBRATION_HIGH = 0xe1;

/** Oversampling of 1 for all three, and one conversion (forced mode), sections 5.4.3 and 5.4.5. */
const HUMIDITY_ONCE = 0x01;
const ALL_ONCE_FORCED = 0x25;
/** CTRL_MEAS after a forced conversion: it sleeps, the oversampling stays. */
const ALL_ONCE_ASLEEP = 0x24;
/** From CTRL_HUM, STATUS, CTRL_MEAS and CONFIG to the last byte of the data. */
const CONTROL_AND_DATA = 13;
/** Of CTRL_HUM only three bits exist. */
const CONTROL_MASK = Uint8Array.of(0x07, MEASURING, 0xff, 0xff);
/** Start-up, table "Parameter specification": 2 ms. */
const START_MS = 2;
/** Longest conversion at an oversampling of 1, section 9.1: 9.3 ms. */
const CONVERSION_MS = 10;
const READY_CHECKS = 5;
const READY_CHECK_MS = 2;
/** What DATA holds after a reset, section 5.4.7. Each of the three may also be measured. */
const NOT_MEASURED = '8000008000008000';

/** Compensation parameters dig_T1 … dig_H6, section 4.2.2. */
export interface Calibration {
  readonly t: readonly [number, number, number];
  readonly p: readonly [number, number, number, number, number, number, number, number, number];
  readonly h: readonly [number, number, number, number, number, number];
}

/** The parameters from the registers 0x88 to 0xa1 and 0xe1 to 0xe7. */
export function toCalibration(low: Uint8Array, high: Uint8Array): Calibration {
  const u = (at: number): number => uint16le(low, at);
  const s = (at: number): number => signed(u(at), 16);
  const byte = (at: number): number => high[at] ?? 0;
  return {
    t: [u(0), s(2), s(4)],
    p: [u(6), s(8), s(10), s(12), s(14), s(16), s(18), s(20), s(22)],
    h: [
      low[25] ?? 0,
      signed(uint16le(high, 0), 16),
      byte(2),
      signed((byte(3) << 4) | (byte(4) & 0x0f), 12),
      signed((byte(5) << 4) | (byte(4) >> 4), 12),
      signed(byte(6), 8),
    ],
  };
}

/** t_fine, the temperature that the other formulas want; degrees Celsius times 5120. Section 4.2.3 in floating point. */
export function toFine(raw: number, { t: [t1, t2, t3] }: Calibration): number {
  const linear = (raw / 16_384 - t1 / 1024) * t2;
  return linear + (raw / 131_072 - t1 / 8192) ** 2 * t3;
}

/** Pascals; undefined for parameters that make no sense. */
export function toPascals(raw: number, fine: number, { p }: Calibration): number | undefined {
  const [p1, p2, p3, p4, p5, p6, p7, p8, p9] = p;
  const half = fine / 2 - 64_000;
  const offset = ((half * half * p6) / 32_768 + half * p5 * 2) / 4 + p4 * 65_536;
  const slope = (1 + ((p3 * half * half) / 524_288 + p2 * half) / 524_288 / 32_768) * p1;
  if (slope === 0) return undefined;
  const pressure = ((1_048_576 - raw - offset / 4096) * 6250) / slope;
  const square = (p9 * pressure * pressure) / 2_147_483_648;
  return pressure + (square + (pressure * p8) / 32_768 + p7) / 16;
}

/** Percent relative humidity; may lie a little outside of 0 to 100. */
export function toHumidity(raw: number, fine: number, { h }: Calibration): number {
  const [h1, h2, h3, h4, h5, h6] = h;
  const above = fine - 76_800;
  const growth = 1 + (h6 / 67_108_864) * above * (1 + (h3 / 67_108_864) * above);
  const first = (raw - (h4 * 64 + (h5 / 16_384) * above)) * ((h2 / 65_536) * growth);
  return first * (1 - (h1 * first) / 524_288);
}

export default defineDriver({
  name: 'bme280',
  summary: 'Bosch BME280 temperature, humidity and air pressure sensor',
  datasheet:
    'https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bme280-ds002.pdf',
  bus: 'i2c',
  addresses: [0x76, 0x77],
  options: z.strictObject({ accept: acceptOption }),
  readMs: () => CONVERSION_MS + READY_CHECKS * READY_CHECK_MS,
  channels: () => [
    { name: 'temperature', unit: '°C', range: [-40, 85] },
    { name: 'humidity', unit: '%', range: [0, 100] },
    { name: 'pressure', unit: 'hPa', range: [300, 1100] },
  ],
  async open(chip, { accept }, tools, openSignal) {
    const id = await chip.transfer(Uint8Array.of(ID), 1);
    if (id[0] === BMP280)
      throw new Error('not a BME280: its chip ID is 0x58 (a BMP280, which has no humidity)');
    const called = 'its chip ID is';
    checkId({ chip: 'a BME280', called, bytes: id, expected: BME280, accept }, tools);
    await chip.transfer(Uint8Array.of(RESET, RESET_WORD), 0);
    await tools.sleep(START_MS, openSignal);
    await untilClear(chip, COPYING, tools, openSignal);
    const low = await chip.transfer(Uint8Array.of(CALIBRATION_LOW), 26);
    const calibration = toCalibration(low, await chip.transfer(Uint8Array.of(CALIBRATION_HIGH), 7));
    if (!isPossible(calibration)) {
      const dead = deadLine(low);
      throw new Error(dead ?? 'its calibration makes no sense');
    }
    await chip.transfer(Uint8Array.of(CONFIG, 0), 0);

    return {
      async read(signal) {
        await chip.transfer(Uint8Array.of(CTRL_HUM, HUMIDITY_ONCE), 0);
        await chip.transfer(Uint8Array.of(CTRL_MEAS, ALL_ONCE_FORCED), 0);
        await tools.sleep(CONVERSION_MS, signal);
        await untilClear(chip, MEASURING, tools, signal);
        const all = await chip.transfer(Uint8Array.of(CTRL_HUM), CONTROL_AND_DATA);
        return toSamples(all, calibration);
      },
    };
  },
});

/** Samples of CTRL_HUM to the end of DATA. Throws if the chip was reset since the conversion began. */
function toSamples(all: Uint8Array, calibration: Calibration): Samples {
  const expected = Uint8Array.of(HUMIDITY_ONCE, 0, ALL_ONCE_ASLEEP, 0);
  checkSettings(all, expected, { mask: CONTROL_MASK });
  const data = all.subarray(DATA - CTRL_HUM);
  if (Buffer.from(data).toString('hex') === NOT_MEASURED)
    throw new Error('nothing was measured: the chip was reset in between');
  const twenty = (at: number): number =>
    ((data[at] ?? 0) << 12) | ((data[at + 1] ?? 0) << 4) | ((data[at + 2] ?? 0) >> 4);
  const fine = toFine(twenty(3), calibration);
  const pascals = toPascals(twenty(0), fine, calibration);
  const humidity = ((data[6] ?? 0) << 8) | (data[7] ?? 0);
  return {
    temperature: { value: fine / 5120 },
    humidity: { value: toHumidity(humidity, fine, calibration) },
    pressure:
      pascals === undefined
        ? { value: null, reason: 'its calibration makes no sense' }
        : { value: pascals / 100 },
  };
}

/** A factor of zero makes every value the same; no chip leaves the factory with one. */
function isPossible({ t, p, h }: Calibration): boolean {
  const empty = (value: number): boolean => value === 0 || value === 0xffff || value === -1;
  return ![t[0], t[1], p[0], p[1], h[1]].some(empty);
}

async function untilClear(
  chip: I2cDevice,
  bit: number,
  tools: Tools,
  signal: AbortSignal,
): Promise<void> {
  for (let check = 0; check < READY_CHECKS; check += 1) {
    const [status = 0] = await chip.transfer(Uint8Array.of(STATUS), 1);
    if ((status & bit) === 0) return;
    // Six of its bits do not exist.
    if (status === 0xff) throw new Error(deadLine(Uint8Array.of(status)));
    await tools.sleep(READY_CHECK_MS, signal);
  }
  throw new Error('the chip does not get ready');
}
