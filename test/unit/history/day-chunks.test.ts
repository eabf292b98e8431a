import { expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import { DayChunks } from '../../../src/history/day-chunks.ts';

const points = (chunks: DayChunks, topic: string) =>
  [...chunks.of(topic)].map(({ time, point }) => [time, point]);

test('a topic that comes later has its points at their own times', () => {
  const state = createMemoryState().of('day');
  const chunks = new DayChunks(state);
  chunks.append(10, 1010, [['a', 1]]);
  chunks.append(20, 1020, [
    ['a', 2],
    ['b', [3, 5, 4]],
  ]);
  const wanted = [
    [1010, null],
    [1020, [3, 5, 4]],
  ];
  expect(points(chunks, 'b')).toEqual(wanted);
  chunks.save();
  expect(points(new DayChunks(state), 'b')).toEqual(wanted);
});

test('a clock that was set dates the points of this start again, not those of earlier ones', () => {
  const state = createMemoryState().of('day');
  const before = new DayChunks(state);
  before.append(10, 1010, [['a', 1]]);
  before.save();
  const chunks = new DayChunks(state);
  chunks.append(10, 2010, [['a', 2]]);
  chunks.redate((end) => 5000 + end);
  expect(points(chunks, 'a')).toEqual([
    [1010, 1],
    [5010, 2],
  ]);
});

test('only chunks that have changed are handed to the store', () => {
  const memory = createMemoryState().of('day');
  const keys: string[] = [];
  const state = {
    get: memory.get,
    set(key: string, value: unknown) {
      keys.push(key);
      memory.set(key, value);
    },
  };
  const chunks = new DayChunks(state);
  for (let at = 0; at < 16; at++) chunks.append(at, at, [['a', at]]);
  chunks.save();
  chunks.save();
  expect(keys).toEqual(['0', '1']);
});
