import { expect, test } from 'vitest';
import adxl345, { toAcceleration } from '../../../drivers/adxl345.ts';
import { playback } from '../../../src/buses/playback.ts';
import { createHastyTools, never, openSensor } from '../../support/open-sensor.ts';
import { littleEndian, vibrationTransfers } from '../../support/vibration-transfers.ts';

// Full resolution: 256 steps are 1 g.
test('toAcceleration', () => {
  expect(toAcceleration(Buffer.from('000100ff0110', 'hex'))).toEqual([1, -1, 16.00390625]);
});

const opening = [
  { write: '00', read: 'e5' },
  { write: '1e000000', read: '' },
  { write: '2c0b', read: '' },
  { write: '3109', read: '' },
  { write: '2d08', read: '' },
];
const fifo = {
  restart: [
    { write: '3800', read: '' },
    { write: '3880', read: '' },
  ],
  statusRegister: '39',
  dataRegister: '32',
  status: (count: number) => count,
  bytes: (sample: readonly number[]) => littleEndian(sample.map((g) => Math.round(g * 256))),
};
const checked = [
  { write: '2c', read: '0b08' },
  { write: '31', read: '09' },
  { write: '38', read: '80' },
  { write: '1e', read: '000000' },
];
const wave = { count: 128, rateHz: 200, hertz: 24.5, height: 0.5 };

test('takes a window of samples and measures the vibration', async () => {
  const chip = playback([...opening, ...vibrationTransfers(fifo, wave), ...checked]);
  const { tools, slept } = createHastyTools();
  const sensor = await openSensor(adxl345, chip, {}, tools);
  const { rms, peak, frequency } = await sensor.read(never);
  expect(rms?.value).toBeCloseTo(0.5, 1);
  expect(peak?.value).toBeCloseTo(0.5, 1);
  expect(Math.abs(Number(frequency?.value) - 24.5)).toBeLessThan(0.3);
  expect(slept).toEqual(Array(8).fill(80));
  chip.done();
});

test('a clipped reading is uncertain', async () => {
  const chip = playback([
    ...opening,
    ...vibrationTransfers(fifo, { ...wave, height: 3.99 }),
    ...checked,
  ]);
  const sensor = await openSensor(adxl345, chip, {});
  const uncertain = { quality: 'uncertain', reason: 'an axis is at full scale, ±4 g' };
  expect(await sensor.read(never)).toMatchObject({
    rms: uncertain,
    peak: uncertain,
    frequency: uncertain,
  });
});

test('lost samples are an error', async () => {
  const chip = playback([...opening, ...fifo.restart, { write: '39', read: '20' }, ...checked]);
  const sensor = await openSensor(adxl345, chip, {});
  await expect(sensor.read(never)).rejects.toThrow('samples were lost: the bus is too busy');
});

test('another chip is not taken for one, and a bus error is the reason', async () => {
  const other = playback([{ write: '00', read: '12' }]);
  await expect(openSensor(adxl345, other, {})).rejects.toThrow(
    'not an ADXL345: DEVID is 0x12, expected 0xe5',
  );
  const gone = playback([{ write: '00', error: 'no answer from 0x53 on i2c-1' }]);
  await expect(openSensor(adxl345, gone, {})).rejects.toThrow('no answer from 0x53 on i2c-1');
});
