import { expect, test } from 'vitest';
import type { Operation } from '../../../../src/store/commit/batch.ts';
import {
  RetainedChanges,
  type RetainedValue,
} from '../../../../src/store/commit/retained-changes.ts';

function setUp() {
  const values = new Map<string, RetainedValue>();
  const changes = new RetainedChanges((topic) => values.get(topic));
  return {
    values,
    changes,
    taken() {
      const operations: Operation[] = [];
      changes.append(changes.take(), operations, { values: 1000, bytes: 1e6 });
      return operations;
    },
  };
}

test('the value is that of the moment when the commit takes it; a deleted one is deleted', () => {
  const { values, changes, taken } = setUp();
  const payload = Buffer.from('newest');
  changes.addDurable('a');
  changes.addDurable('b');
  changes.addDurable('a');
  const properties = new Uint8Array(0);
  values.set('a', { qos: 1, payload, publisher: 'c', properties, expires: 7 });
  expect(taken()).toEqual([
    ['retain', 'a', 1, payload, 'c', properties, 7],
    ['unretain', 'b'],
  ]);
  expect(taken()).toEqual([]);
});

test('a deferred topic waits until it is made due, unless it is durable by then', () => {
  const { changes, taken } = setUp();
  changes.addDeferred('a');
  changes.addDeferred('b');
  changes.addDurable('a');
  expect(taken()).toEqual([['unretain', 'a']]);
  expect(changes.makeDeferredDue()).toBe(true);
  expect(taken()).toEqual([['unretain', 'b']]);
  expect(changes.makeDeferredDue()).toBe(false);
});

test('a large number is taken in parts; what is added meanwhile belongs to the next commit', () => {
  const { changes, taken } = setUp();
  for (let i = 0; i < 5; i++) changes.addDurable(`t${i}`);
  const topics = changes.take();
  const part = (): [boolean, number] => {
    const operations: Operation[] = [];
    return [changes.append(topics, operations, { values: 2, bytes: 1e6 }), operations.length];
  };
  expect(part()).toEqual([true, 2]);
  changes.addDurable('later');
  expect([part(), part()]).toEqual([
    [true, 2],
    [false, 1],
  ]);
  expect(taken()).toEqual([['unretain', 'later']]);
});
