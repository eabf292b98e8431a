import { expect, test } from 'vitest';
import { variableIntBytes, writeVariableInt } from '../../../src/mqtt/variable-int.ts';

test.each([
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2_097_151, 'ffff7f'],
  [2_097_152, '80808001'],
  [268_435_455, 'ffffff7f'],
])('remaining length %i is %s', (length, hex) => {
  const target = Buffer.alloc(7, 0xee);
  const end = writeVariableInt(target, 2, length);
  expect(target.subarray(2, end).toString('hex')).toBe(hex);
  expect(target[1]).toBe(0xee);
  expect(target[end]).toBe(0xee);
  expect(variableIntBytes(length)).toBe(hex.length / 2);
});
