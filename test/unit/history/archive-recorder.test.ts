import { describe, expect, test } from 'vitest';
import type { Quality, Value } from '../../../src/driver-kit/reading.ts';
import { ArchiveRecorder } from '../../../src/history/archive/archive-recorder.ts';

const MINUTE = 60_000;
const BEGIN = 30_000_000 * MINUTE;
const present = (value: Value, quality: Quality = 'good', topic = 'cell/t') => [
  { topic, keepMs: 1000, value, quality },
];

describe('the seconds of a minute', () => {
  test('are given when the next minute has begun', () => {
    const recorder = new ArchiveRecorder();
    for (let s = 0; s < 60; s++) {
      expect(recorder.tick(BEGIN + s * 1000, present(s))).toBeUndefined();
    }
    const [start, [minute]] = recorder.tick(BEGIN + MINUTE, present(60))!;
    expect(start).toBe(BEGIN);
    expect(minute).toEqual({
      topic: 'cell/t',
      keepMs: 1000,
      seconds: Array.from({ length: 60 }, (_, s) => [0, s]),
    });
    expect(recorder.end()).toEqual([
      BEGIN + MINUTE,
      [expect.objectContaining({ seconds: [[0, 60]] })],
    ]);
    expect(recorder.end()).toBeUndefined();
  });

  test('have the peaks between two ticks, and their worst quality', () => {
    const recorder = new ArchiveRecorder();
    recorder.tick(BEGIN, present(1));
    recorder.observe('cell/t', 9, 'good');
    recorder.observe('cell/t', null, 'bad');
    recorder.observe('cell/t', 2, 'uncertain');
    recorder.observe('cell/other', 5, 'good');
    recorder.tick(BEGIN + 1000, present(2));
    recorder.tick(BEGIN + 2000, present(2));
    expect(recorder.pending('cell/t')).toEqual([
      [BEGIN, [0, 1]],
      [BEGIN + 1000, [2, 2, 9, 5.5]],
      [BEGIN + 2000, [0, 2]],
    ]);
    expect(recorder.pending('cell/other')).toEqual([]);
  });

  test('are filled where a tick was late, and left out where the program has paused', () => {
    const recorder = new ArchiveRecorder();
    recorder.tick(BEGIN, present(1));
    recorder.tick(BEGIN + 3000, present(2));
    recorder.tick(BEGIN + 3400, present(7));
    recorder.tick(BEGIN + 20_000, present(true));
    const [, [minute]] = recorder.end()!;
    // A pause ends a part of the minute: what came before was given with it.
    expect(minute!.seconds[20]).toEqual([0, 1]);
    expect(minute!.seconds.slice(0, 20).every((point) => point === undefined)).toBe(true);
  });

  test('before a pause or a step of the clock are not lost', () => {
    const recorder = new ArchiveRecorder();
    recorder.tick(BEGIN, present(1));
    recorder.tick(BEGIN + 2000, present(2));
    const [start, [minute]] = recorder.tick(BEGIN - 10 * MINUTE, present(3))!;
    expect(start).toBe(BEGIN);
    expect(minute!.seconds).toEqual([
      [0, 1],
      [0, 2],
      [0, 2],
    ]);
    expect(recorder.end()![0]).toBe(BEGIN - 10 * MINUTE);
  });

  test('of texts are not kept, nor of a value that is not configured any more', () => {
    const recorder = new ArchiveRecorder();
    recorder.tick(BEGIN, [...present('open'), ...present(4, 'good', 'cell/gone')]);
    recorder.tick(BEGIN + MINUTE, present(1));
    expect(recorder.tick(BEGIN + 2 * MINUTE, [])![1].map(({ topic }) => topic)).toEqual(['cell/t']);
    expect(recorder.end()).toBeUndefined();
  });
});
