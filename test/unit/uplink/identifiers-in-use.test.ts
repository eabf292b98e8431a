import { expect, test } from 'vitest';
import { IdentifiersInUse } from '../../../src/uplink/identifiers-in-use.ts';

test('an identifier that the plant has already is of another message only if this one was not sent before', () => {
  const inUse = new IdentifiersInUse();
  inUse.sent(1, false);
  inUse.sent(2, true);
  expect([inUse.isOther(1), inUse.isOther(2), inUse.isOther(3)]).toEqual([true, false, false]);
  // It is released for its message once.
  expect([inUse.released(1), inUse.released(1), inUse.released(2)]).toEqual([true, false, false]);
  inUse.sent(1, true);
  expect(inUse.isOther(1)).toBe(false);
});

test('on another connection nothing of it counts', () => {
  const inUse = new IdentifiersInUse();
  for (const id of [1, 2]) inUse.sent(id, false);
  inUse.isOther(1);
  inUse.clear();
  expect([inUse.released(1), inUse.isOther(2)]).toEqual([false, false]);
});
