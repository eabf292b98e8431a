import { expect, test } from 'vitest';
import { SubscriptionList } from '../../../../src/broker/messages/subscription-list.ts';

test('the bytes are those of the filters, each once', () => {
  const list = new SubscriptionList();
  list.set('a/ä', 1);
  list.set('b', 0);
  list.set('a/ä', 2);
  expect([list.size, list.bytes, [...list.keys()]]).toEqual([2, 5, ['a/ä', 'b']]);
  expect([list.has('a/ä'), list.has('c')]).toEqual([true, false]);
  expect([list.delete('c'), list.bytes]).toEqual([false, 5]);
  expect([list.delete('a/ä'), list.bytes, list.size]).toEqual([true, 1, 1]);
  expect([list.delete('b'), list.bytes, list.size]).toEqual([true, 0, 0]);
});
