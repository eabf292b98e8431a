import { expect, test } from 'vitest';
import {
  type Acceleration,
  type AccelerationFifo,
  readVibration,
} from '../../../src/driver-kit/vibration.ts';
import { createHastyTools, never } from '../../support/open-sensor.ts';

/** A FIFO that has so many samples at each count, and notes what is asked of it. */
function fakeFifo(counts: readonly number[], sample: Acceleration = [0, 0, 1]) {
  const asked: string[] = [];
  const left = [...counts];
  const fifo: AccelerationFifo = {
    async restart() {
      asked.push('restart');
    },
    async count() {
      const count = left.shift() ?? 16;
      asked.push(`count ${count}`);
      return count;
    },
    async take() {
      asked.push('take');
      return sample;
    },
  };
  return { fifo, asked };
}

const options = { window: 32, rate: 100, range: 2 };

test('a window is as many samples as were wanted, however they come', async () => {
  const { fifo, asked } = fakeFifo([0, 20, 20]);
  const { tools, slept } = createHastyTools();
  const { rms } = await readVibration(fifo, options, tools, never);
  expect(rms).toEqual({ value: 0 });
  expect(asked.filter((one) => one !== 'take')).toEqual([
    'restart',
    'count 0',
    'count 20',
    'count 20',
  ]);
  expect(asked.filter((one) => one === 'take')).toHaveLength(32);
  // 16 samples at 100 a second.
  expect(slept).toEqual([160, 160, 160]);
});

test.each([
  [1.97, undefined],
  [1.98, 'uncertain'],
  [-1.98, 'uncertain'],
])('at %d g of 2 g the quality is %s', async (g, quality) => {
  const { fifo } = fakeFifo([32], [0, g, 0]);
  const { tools } = createHastyTools();
  const { rms, peak } = await readVibration(fifo, options, tools, never);
  expect([rms?.quality, peak?.quality]).toEqual([quality, quality]);
});

test('where no frequency stands out it is uncertain', async () => {
  const { fifo } = fakeFifo([32]);
  const { tools } = createHastyTools();
  const { frequency } = await readVibration(fifo, options, tools, never);
  expect(frequency).toEqual({
    value: 0,
    quality: 'uncertain',
    reason: 'no frequency stands out',
  });
});

test('an aborted reading takes no more samples, and an error of the FIFO is its own', async () => {
  const { fifo, asked } = fakeFifo([32]);
  const { tools } = createHastyTools();
  const aborted = AbortSignal.abort(new Error('given up'));
  await expect(readVibration(fifo, options, tools, aborted)).rejects.toThrow('given up');
  expect(asked).not.toContain('take');
  const lost = { ...fifo, count: () => Promise.reject(new Error('samples were lost')) };
  await expect(readVibration(lost, options, tools, never)).rejects.toThrow('samples were lost');
});
