import { describe, expect, it } from 'vitest';
import {
  alternatives,
  closest,
  didYouMean,
  editDistance,
} from '../../../src/config/yaml/suggestion.ts';

describe('editDistance', () => {
  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', '', 3],
    ['abc', 'abd', 1],
    ['abc', 'acb', 1],
    ['abc', 'xabc', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('of "%s" and "%s" is %d', (a, b, distance) => {
    expect(editDistance(a, b, 9)).toBe(distance);
    expect(editDistance(b, a, 9)).toBe(distance);
  });

  it('stops counting beyond its limit', () => {
    expect(editDistance('abcdef', 'uvwxyz', 2)).toBe(3);
    expect(editDistance('a', 'abcdef', 2)).toBe(3);
  });
});

describe('closest', () => {
  const drivers = ['host', 'simulated', 'tmp102', 'ads1115', 'digital-input'];

  it.each([
    ['tmp120', 'tmp102'],
    ['TMP102', 'tmp102'],
    ['ads1015', 'ads1115'],
    ['digitalInput', 'digital-input'],
    ['digital_input', 'digital-input'],
    ['simulation', 'simulated'],
    ['sim', 'simulated'],
    ['bme280', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ])('of "%s" is %s', (word, meant) => expect(closest(word, drivers)).toBe(meant));

  it('prefers the nearer of two', () => {
    expect(closest('warn', ['ward', 'warn'])).toBe('warn');
    expect(closest('limitss', ['lists', 'limits'])).toBe('limits');
  });
});

it('puts words into a sentence', () => {
  expect(alternatives([])).toBe('');
  expect(alternatives(['a'])).toBe('a');
  expect(alternatives(['a', 'b', 'c'])).toBe('a, b or c');
  expect(didYouMean('evry', ['every'])).toBe(' (did you mean every?)');
  expect(didYouMean('loud', ['every'])).toBe('');
});
