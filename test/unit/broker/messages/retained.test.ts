import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RetainedMessages } from '../../../../src/broker/messages/retained.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { naiveMatch } from '../../../support/naive-match.ts';
import { matching } from '../../../support/retained.ts';

const set = (tree: RetainedMessages, topic: string, payload: string): void =>
  tree.set(topic, 0, createMessage(topic, Buffer.from(payload)));

const name = fc.constantFrom('a', 'b', '', '$x');
const topics = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');
const filters = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels.slice(1), '#'] : levels).join('/'))
  .filter((filter) => filter !== '');

test('finds what a naive matcher finds; counts and bytes are exact', () => {
  const changes = fc.array(
    fc.record({ topic: topics, payload: fc.string(), remove: fc.boolean() }),
  );
  fc.assert(
    fc.property(changes, fc.array(filters, { maxLength: 5 }), (made, asked) => {
      const tree = new RetainedMessages();
      const model = new Map<string, string>();
      for (const { topic, payload, remove } of made) {
        if (remove) expect(tree.delete(topic)).toBe(model.delete(topic));
        else {
          set(tree, topic, payload);
          model.set(topic, payload);
        }
      }
      expect(tree.count).toBe(model.size);
      let bytes = 0;
      for (const [topic, payload] of model) {
        bytes += 2 + Buffer.byteLength(topic) + Buffer.byteLength(payload);
        const { body, topicEnd } = tree.get(topic)!.message;
        expect(body.toString('utf8', topicEnd)).toBe(payload);
      }
      expect(tree.bytes).toBe(bytes);
      for (const filter of asked) {
        const expected = [...model.keys()].filter((topic) => naiveMatch(filter, topic));
        const found = matching(tree, filter).map(({ topic }) => topic);
        expect(found.toSorted()).toEqual(expected.toSorted());
      }
      for (const topic of model.keys()) tree.delete(topic);
      expect([tree.count, tree.bytes, matching(tree, '#'), matching(tree, '$x/#')]).toEqual([
        0,
        0,
        [],
        [],
      ]);
    }),
    { numRuns: 300 },
  );
});

test('a topic between others has nothing of its own', () => {
  const tree = new RetainedMessages();
  set(tree, 'a/b/c', 'x');
  expect(tree.get('a/b')).toBeUndefined();
  expect(tree.delete('a/b')).toBe(false);
  expect(tree.get('a/b/c/d')).toBeUndefined();
});

test('whoever holds one sees that it was replaced or deleted', () => {
  const tree = new RetainedMessages();
  for (const topic of ['a', 'b', 'c']) set(tree, topic, '1');
  const [a, b, c] = matching(tree, '#');
  set(tree, 'a', '2');
  tree.delete('b');
  expect([a?.current, b?.current, c?.current]).toEqual([false, false, true]);
  expect(tree.get('a')?.current).toBe(true);
});

test('topics that have expired are found some at a time, and again from the beginning after the last', () => {
  const tree = new RetainedMessages();
  const expiries = { a: 10, b: 30, c: 20 };
  for (const [topic, at] of Object.entries(expiries)) {
    tree.set(topic, 0, createMessage(topic, Buffer.from('x'), undefined, at));
  }
  expect(tree.expired(20, 2)).toEqual(['a']);
  expect(tree.expired(20, 2)).toEqual([]);
  expect(tree.expired(21, 2)).toEqual(['a']);
  expect(tree.expired(21, 2)).toEqual(['c']);
  tree.delete('a');
  expect(tree.expired(40, 5)).toEqual(['b', 'c']);
});
