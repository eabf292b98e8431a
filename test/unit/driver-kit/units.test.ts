import { describe, expect, it } from 'vitest';
import { duration, parseDuration, parseSize, size } from '../../../src/driver-kit/units.ts';

describe('durations', () => {
  it.each([
    ['0ms', 0],
    ['10ms', 10],
    ['1s', 1000],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '1', 's', '1 s', '-1s', '1S', '1w', '.5s', '1e3s', '1s '])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('keep to their bounds, both included', () => {
    const schema = duration('10ms', '1s');
    expect(schema.parse('10ms')).toBe(10);
    expect(schema.parse('1s')).toBe(1000);
    expect(schema.safeParse('9ms').success).toBe(false);
    expect(schema.safeParse('1.001s').success).toBe(false);
  });

  it.each([
    [5, '5s'],
    ['5', '5s'],
    ['10 ms', '10ms'],
    ['2min', '2m'],
    ['1 Hour', '1h'],
    ['3 days', '3d'],
  ])('say what %j was meant to be', (input, meant) => {
    const { error } = duration('1ms', '7d').safeParse(input);
    expect(error?.issues[0]?.message).toMatch(new RegExp(`\\(did you mean ${meant}\\?\\)$`));
  });

  it.each([
    ['0ms', '10s', 5, '5ms or 5s'],
    ['0ms', '10s', 20, '20ms'],
    ['1ms', '1h', 20, '20ms or 20s'],
    ['0ms', '1d', 5, '5s'],
    ['10ms', '1d', 1000, '1000ms or 1000s'],
  ])('of %s to %s: %d alone may be %s', (min, max, input, meant) => {
    const { error } = duration(min, max).safeParse(input);
    expect(error?.issues[0]?.message).toMatch(new RegExp(`\\(did you mean ${meant}\\?\\)$`));
  });

  it('make no suggestion that they would refuse', () => {
    expect(duration('1s', '7d').safeParse('9 d').error?.issues[0]?.message).not.toContain('mean');
  });
});

describe('sizes', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['1MiB', 1_048_576],
    ['1.5GiB', 1_610_612_736],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes));

  it.each(['', '1', '1KB', '1kib', '1 MiB', '-1B'])('"%s" is none', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it.each([
    [2048, '2048B'],
    ['64k', '64KiB'],
    ['1MB', '1MiB'],
    ['1 gib', '1GiB'],
  ])('say what %j was meant to be', (input, meant) => {
    const { error } = size('1B', '1GiB').safeParse(input);
    expect(error?.issues[0]?.message).toContain(`(did you mean ${meant}?)`);
  });
});
