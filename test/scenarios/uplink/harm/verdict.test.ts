import { describe, expect, test } from 'vitest';
import { type Arrival, type Published, verdictOf } from './verdict.ts';

const published: Published = {
  messages: 6,
  topics: 2,
  topicOf: (remainder) => `p/${remainder}`,
  sensor: 'p/door',
};
const CLEAN = { lost: 0, disordered: 0, duplicates: 0, readings: 0, unordered: [], gaps: 0 };

const message = (n: number): Arrival => ({ topic: `p/${n % 2}`, payload: `${n}` });
const reading = (boot: number, seq: number): Arrival => ({
  topic: 'p/door',
  payload: JSON.stringify({ boot, seq, value: true }),
});
const verdict = (arrivals: readonly Arrival[]) => verdictOf(arrivals, published);

describe('messages', () => {
  test.each([
    ['all of them in order', [0, 1, 2, 3, 4, 5], {}],
    ['in the order of each topic only', [1, 3, 0, 2, 5, 4], {}],
    ['one that never came', [0, 1, 2, 3, 5], { lost: 1 }],
    ['the first and the last that never came', [1, 2, 3, 4], { lost: 2 }],
    ['all of a topic that never came', [1, 3, 5], { lost: 3 }],
    ['two swapped', [0, 1, 4, 2, 3, 5], { disordered: 1 }],
    ['one that came again', [0, 1, 2, 3, 4, 5, 5], { duplicates: 1 }],
    ['a window sent again', [0, 1, 2, 3, 0, 1, 2, 3, 4, 5], { duplicates: 4 }],
    ['another in place of one', [0, 1, 2, 3, 6, 5], { lost: 1 }],
  ])('%s', (_, numbers, counts) => {
    expect(verdict(numbers.map(message))).toEqual({ ...CLEAN, ...counts });
  });

  test('of other topics do not count', () => {
    const all = [0, 1, 2, 3, 4, 5].map(message);
    expect(verdict([...all, { topic: 'p/end', payload: '7' }])).toEqual(CLEAN);
  });
});

describe('readings', () => {
  const messages = [0, 1, 2, 3, 4, 5].map(message);
  test.each<[string, readonly Arrival[], object]>([
    ['in order, over a restart', [reading(1, 1), reading(1, 2), reading(2, 1)], { readings: 3 }],
    [
      'the end of a boot may be missing, and its beginning',
      [reading(1, 4), reading(2, 3)],
      { readings: 2 },
    ],
    [
      'one that came again',
      [reading(1, 1), reading(1, 2), reading(1, 1), reading(1, 3)],
      { readings: 3 },
    ],
    ['one missing', [reading(1, 1), reading(1, 3)], { readings: 2, gaps: 1 }],
    [
      'a boot before the one before it',
      [reading(2, 1), reading(1, 1)],
      { readings: 2, unordered: ['1/1'] },
    ],
  ])('%s', (_, readings, counts) => {
    expect(verdict([...messages, ...readings])).toEqual({ ...CLEAN, ...counts });
  });

  test('swapped are reported', () => {
    const swapped = [reading(1, 1), reading(1, 3), reading(1, 2), reading(1, 4)];
    expect(verdict([...messages, ...swapped]).unordered).toEqual(['1/2']);
  });
});
