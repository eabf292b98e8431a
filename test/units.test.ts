import { describe, expect, test } from 'vitest';
import { duration, parseDuration, parseSize, size } from '../src/units.ts';

describe('durations', () => {
  test.each([
    ['10ms', 10],
    ['1s', 1000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0ms', 0],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', '10', 'ms', '10 ms', '-1s', '1S', '1w', '1e3ms', '.5s', '1s2ms'])(
    '"%s" is none',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  );

  test('the schema gives milliseconds and keeps to its limits', () => {
    const schema = duration('1s', '1h');
    expect(schema.parse('90s')).toBe(90_000);
    expect(schema.prefault('5m').parse(undefined)).toBe(300_000);
    for (const wrong of ['10ms', '2h', '5', 5]) {
      expect(schema.safeParse(wrong).error?.issues[0]?.message).toContain('a duration of 1s to 1h');
    }
  });
});

describe('sizes', () => {
  test.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
    ['1.5GiB', 1_610_612_736],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  test.each(['1MB', '1', 'KiB', '1kib'])('"%s" is none', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  );

  test('the schema gives bytes and keeps to its limits', () => {
    const schema = size('1KiB', '1MiB');
    expect(schema.parse('64KiB')).toBe(65_536);
    expect(schema.safeParse('2MiB').error?.issues[0]?.message).toContain('a size of 1KiB to 1MiB');
  });
});
