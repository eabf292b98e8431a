import { describe, expect, test } from 'vitest';
import lis3dh, { toAcceleration } from '../../../drivers/lis3dh.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { littleEndian, vibrationTransfers } from '../../support/vibration-transfers.ts';

describe('toAcceleration', () => {
  // 12 bits, left-justified: 1 g is 1000 steps of 1 mg at ±2 g.
  test.each([
    ['803e80c10000', 1, [1, -1, 0]],
    ['f07f00800000', 1, [2.047, -2.048, 0]],
    ['803e80c11000', 12, [12, -12, 0.012]],
  ])('%s', (hex, step, g) => expect(toAcceleration(Buffer.from(hex, 'hex'), step)).toEqual(g));
});

const opening = [
  { write: '0f', read: '33' },
  { write: 'a0770000984000', read: '' },
];
const fifo = {
  restart: [
    { write: '2e00', read: '' },
    { write: '2e80', read: '' },
  ],
  statusRegister: '2f',
  dataRegister: 'a8',
  status: (count: number) => count,
  bytes: (sample: readonly number[]) => littleEndian(sample.map((g) => Math.round(g * 500) << 4)),
};
const checked = { write: 'a0', read: '770000984000' };
const wave = { count: 128, rateHz: 400, hertz: 50, height: 0.5 };

test('takes a window of samples and measures the vibration', async () => {
  const chip = playback([...opening, ...vibrationTransfers(fifo, wave), checked]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(lis3dh, chip, {}, tools);
  const { rms, peak, frequency } = await sensor.read(never);
  expect(rms?.value).toBeCloseTo(0.5, 2);
  expect(peak?.value).toBeCloseTo(0.5, 2);
  expect(frequency?.value).toBeCloseTo(50, 0);
  expect([rms, peak, frequency].map((one) => one?.quality)).toEqual(Array(3).fill(undefined));
  expect(slept).toEqual(Array(8).fill(40));
  chip.done();
});

test('a clipped reading is uncertain, and so is a missing frequency', async () => {
  const clipped = vibrationTransfers(fifo, { ...wave, height: 3.99 });
  const still = vibrationTransfers(fifo, { ...wave, height: 0 });
  const chip = playback([...opening, ...clipped, checked, ...still, checked]);
  const sensor = await openSensor(lis3dh, chip, {});
  const uncertain = { quality: 'uncertain', reason: 'an axis is at full scale, ±4 g' };
  expect(await sensor.read(never)).toMatchObject({
    rms: uncertain,
    peak: uncertain,
    frequency: uncertain,
  });
  expect(await sensor.read(never)).toEqual({
    rms: { value: 0 },
    peak: { value: 0 },
    frequency: { value: 0, quality: 'uncertain', reason: 'no frequency stands out' },
  });
  chip.done();
});

test('lost samples are an error', async () => {
  const chip = playback([...opening, ...fifo.restart, { write: '2f', read: '5f' }, checked]);
  const sensor = await openSensor(lis3dh, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('samples were lost: the bus is too busy');
});

test('another chip is not taken for one, and a bus error is the reason', async () => {
  const other = playback([{ write: '0f', read: '32' }]);
  await expect(openSensor(lis3dh, other, {})).rejects.toThrow(
    'not a LIS3DH: WHO_AM_I is 0x32, expected 0x33',
  );
  const gone = playback([{ write: '0f', error: 'no answer from 0x18 on i2c-1' }]);
  await expect(openSensor(lis3dh, gone, {})).rejects.toThrow('no answer from 0x18 on i2c-1');
});
