import { describe, expect, test } from 'vitest';
import bme280, {
  type Calibration,
  toCalibration,
  toFine,
  toHumidity,
  toPascals,
} from '../../../drivers/bme280.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';

// Temperature and pressure: the example of Bosch's BMP280 datasheet, section 3.12, whose formulas are the same.
const CALIBRATION: Calibration = {
  t: [27_504, 26_435, -1000],
  p: [36_477, -10_685, 3024, 2855, 140, -7, 15_500, -14_600, 6000],
  h: [75, 355, 0, 340, 50, 30],
};
const RAW_TEMPERATURE = 519_888;
const RAW_PRESSURE = 415_148;

const LOW = '706b4367' + '18fc' + '7d8e43d6' + 'd00b270b8c00f9ff8c3cf8c67017' + '00' + '4b';
const HIGH = '6301' + '00' + '15' + '24' + '03' + '1e';

/** The datasheet's compensation with 32-bit integers, section 4.2.3: percent times 1024. */
function integerHumidity(raw: number, fine: number, { h }: Calibration): number {
  const [h1, h2, h3, h4, h5, h6] = h.map(BigInt) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let v = BigInt(Math.round(fine)) - 76_800n;
  v =
    (((BigInt(raw) << 14n) - (h4 << 20n) - h5 * v + 16_384n) >> 15n) *
    (((((((v * h6) >> 10n) * (((v * h3) >> 11n) + 32_768n)) >> 10n) + 2_097_152n) * h2 + 8192n) >>
      14n);
  v -= ((((v >> 15n) * (v >> 15n)) >> 7n) * h1) >> 4n;
  return Number(v >> 12n) / 1024;
}

describe('compensation', () => {
  test('temperature', () => {
    const fine = toFine(RAW_TEMPERATURE, CALIBRATION);
    expect(fine).toBeCloseTo(128_422.29, 1);
    expect(fine / 5120).toBeCloseTo(25.08, 2);
  });

  test('pressure', () => {
    const fine = toFine(RAW_TEMPERATURE, CALIBRATION);
    expect(toPascals(RAW_PRESSURE, fine, CALIBRATION)).toBeCloseTo(100_653.27, 1);
    const none: Calibration = { ...CALIBRATION, p: [0, 0, 0, 0, 0, 0, 0, 0, 0] };
    expect(toPascals(RAW_PRESSURE, fine, none)).toBeUndefined();
  });

  test.each([22_000, 25_000, 30_000, 34_000, 38_000])(
    "humidity of %d is that of the datasheet's integers",
    (raw) => {
      for (const fine of [0, 128_422, 400_000]) {
        const percent = toHumidity(raw, fine, CALIBRATION);
        expect(Math.abs(percent - integerHumidity(raw, fine, CALIBRATION))).toBeLessThan(0.05);
      }
    },
  );

  test('the parameters are found in the registers', () => {
    const read = toCalibration(Buffer.from(LOW, 'hex'), Buffer.from(HIGH, 'hex'));
    expect(read).toEqual(CALIBRATION);
    const negative = toCalibration(Buffer.from(LOW, 'hex'), Buffer.from('9cff00ff8ffe80', 'hex'));
    expect(negative.h).toEqual([75, -100, 0, -1, -24, -128]);
  });
});

const opening = [
  { write: 'd0', read: '60' },
  { write: 'e0b6', read: '' },
  { write: 'f3', read: '01' },
  { write: 'f3', read: '00' },
  { write: '88', read: LOW },
  { write: 'e1', read: HIGH },
  { write: 'f500', read: '' },
];
const asking = [
  { write: 'f201', read: '' },
  { write: 'f425', read: '' },
];

test('measures once a read', async () => {
  const chip = playback([
    ...opening,
    ...asking,
    { write: 'f3', read: '08' },
    { write: 'f3', read: '00' },
    { write: 'f2', read: '0100240000655ac07eed007530' },
  ]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(bme280, chip, {}, tools);
  const { temperature, humidity, pressure } = await sensor.read(never);
  expect(temperature?.value).toBeCloseTo(25.08, 2);
  expect(pressure?.value).toBeCloseTo(1006.53, 2);
  expect(humidity?.value).toBeCloseTo(integerHumidity(30_000, 128_422, CALIBRATION), 1);
  expect(slept).toEqual([2, 2, 10, 2]);
  chip.done();
});

test('what was not measured is an error', async () => {
  const chip = playback([
    ...opening,
    ...asking,
    { write: 'f3', read: '00' },
    { write: 'f2', read: '01002400008000008000008000' },
  ]);
  const sensor = await openSensor(bme280, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('nothing was measured');
  chip.done();
});

test.each([
  ['humidity alone', '655ac07eed008000'],
  ['temperature alone', '655ac08000007530'],
  ['pressure alone', '8000007eed007530'],
  ['temperature and pressure', '8000008000007530'],
])(
  'what the registers also hold after a reset is real when it is measured: %s',
  async (_, data) => {
    const transfers = [
      { write: 'f3', read: '00' },
      { write: 'f2', read: `0100240000${data}` },
    ];
    const sensor = await openSensor(bme280, playback([...opening, ...asking, ...transfers]), {});
    const samples = await sensor.read(never);
    for (const { value, quality } of Object.values(samples)) {
      expect(value).toBeGreaterThan(0);
      expect(quality).toBeUndefined();
    }
  },
);

test('a chip that was reset during the conversion has measured nothing', async () => {
  const transfers = [
    { write: 'f3', read: '00' },
    { write: 'f2', read: '0000000000655ac07eed007530' },
  ];
  const sensor = await openSensor(bme280, playback([...opening, ...asking, ...transfers]), {});
  await expect(sensor.read(never)).rejects.toThrow('the chip has lost its settings');
});

test('a calibration that no chip has is refused', async () => {
  const at = opening.findIndex(({ write }) => write === '88');
  const without = opening.map((one, index) =>
    index === at ? { ...one, read: `0000${LOW.slice(4)}` } : one,
  );
  await expect(openSensor(bme280, playback(without), {})).rejects.toThrow(
    'its calibration makes no sense',
  );
});

test('a BMP280 or another chip is not taken for one', async () => {
  const open = (id: string) => openSensor(bme280, playback([{ write: 'd0', read: id }]), {});
  await expect(open('58')).rejects.toThrow('its chip ID is 0x58 (a BMP280, which has no humidity)');
  await expect(open('61')).rejects.toThrow('not a BME280: its chip ID is 0x61, expected 0x60');
});

test('a bus error is the reason, and a chip that is never ready is one', async () => {
  const chip = playback([...opening, { write: 'f201', error: 'no answer from 0x76 on i2c-1' }]);
  const sensor = await openSensor(bme280, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('no answer from 0x76 on i2c-1');
  const busy = Array.from({ length: 5 }, () => ({ write: 'f3', read: '01' }));
  const stubborn = playback([...opening.slice(0, 2), ...busy]);
  await expect(openSensor(bme280, stubborn, {})).rejects.toThrow('the chip does not get ready');
});
