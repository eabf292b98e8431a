import { expect, test } from 'vitest';
import { propertiesOf } from '../../../src/runtime/own-messages.ts';
import * as p from '../../support/packets-5.ts';

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

test.each([
  ['json', 'application/json'],
  ['value', 'text/plain'],
] as const)('a payload of the form %s is %s', (payload, contentType) => {
  const { properties, expiresAt } = propertiesOf({ payload }, () => 1000);
  expect(hex(properties)).toBe(hex(p.block([['contentType', contentType]])));
  expect(expiresAt).toBeUndefined();
});

test('a reading that expires says so first, in whole seconds', () => {
  const { properties, expiresAt } = propertiesOf({ payload: 'json', expires: 1500 }, () => 1000);
  const expected: p.Properties = [
    ['messageExpiry', 2],
    ['contentType', 'application/json'],
  ];
  expect(hex(properties)).toBe(hex(p.block(expected)));
  expect(expiresAt).toBe(2500);
});
