import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RetainedMessages } from '../../../../src/broker/messages/retained.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { createFaults } from '../../../support/faults.ts';
import { settle } from '../../../support/manual-clock.ts';
import { naiveMatch } from '../../../support/naive-match.ts';
import { matching, storedMessages } from '../../../support/retained.ts';

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

describe('while stored messages are being restored', () => {
  const payloads = new Map(Array.from({ length: 100 }, (_, n) => [`t/${n}`, `stored ${n}`]));
  const rest = { qos: 0, publisher: 'c', properties: Buffer.alloc(0), expires: 0 } as const;
  const rows = [...payloads].map(([topic, text]) => ({
    ...{ topic, payload: Buffer.from(text) },
    ...rest,
  }));
  const begun = () => {
    const tree = new RetainedMessages();
    tree.begin(storedMessages(rows), createFaults());
    return { tree, work: tree.restoring() };
  };

  test('the end is as if all had been there before, whatever changes meanwhile', () => {
    const step = fc.record({
      topic: fc.oneof(
        fc.nat({ max: 99 }).map((n) => `t/${n}`),
        fc.constant('new'),
      ),
      what: fc.constantFrom('set', 'delete', 'get', 'restore'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tree, work } = begun();
        const model = new Map(payloads);
        for (const { topic, what } of steps) {
          if (what === 'restore') work.next();
          else if (what === 'delete') expect(tree.delete(topic)).toBe(model.delete(topic));
          else if (what === 'set') {
            set(tree, topic, 'new');
            model.set(topic, 'new');
          } else expect(tree.payloadOf(topic)?.toString()).toBe(model.get(topic));
          expect(tree.count).toBe(model.size);
        }
        while (!work.next().done);
        expect(tree.count).toBe(model.size);
        const found = matching(tree, '#').map(({ topic }) => [topic, `${tree.payloadOf(topic)}`]);
        expect(found.toSorted()).toEqual([...model].toSorted());
        const bytes = [...model].reduce(
          (sum, [topic, payload]) => sum + 2 + topic.length + payload.length,
          0,
        );
        expect(tree.bytes).toBe(bytes);
      }),
      { numRuns: 200 },
    );
  });

  test('a topic finds its own at once, a filter with a wildcard has to wait for them', async () => {
    const { tree, work } = begun();
    expect([
      tree.count,
      tree.mayMatch('t/7'),
      tree.mayMatch('t/100'),
      tree.mayMatch('+/x'),
    ]).toEqual([100, true, false, true]);
    expect([tree.isComplete('t/7'), tree.isComplete('t/+'), tree.isComplete('#')]).toEqual([
      true,
      false,
      false,
    ]);
    expect(matching(tree, 't/9').map(({ topic }) => topic)).toEqual(['t/9']);
    let isRestored = false;
    void tree.restored.then(() => {
      isRestored = true;
    });
    work.next();
    await settle();
    expect([isRestored, tree.count]).toEqual([false, 100]);
    while (!work.next().done);
    await tree.restored;
    expect(tree.isComplete('#')).toBe(true);
  });

  test('one that was deleted after its turn does not come again', () => {
    const { tree, work } = begun();
    work.next();
    expect([tree.delete('t/0'), tree.payloadOf('t/0'), tree.delete('t/0')]).toEqual([
      true,
      undefined,
      false,
    ]);
    while (!work.next().done);
    expect([tree.payloadOf('t/0'), tree.count]).toEqual([undefined, 99]);
  });

  test('one of them that can not be restored is a fault, and the others are there', () => {
    const tree = new RetainedMessages();
    const faults = createFaults();
    // Longer than a topic of MQTT.
    const long = { ...rows[0]!, topic: 'x'.repeat(70_000) };
    tree.begin(storedMessages([...rows.slice(0, 40), long, ...rows.slice(40)]), faults);
    const work = tree.restoring();
    while (!work.next().done);
    expect([tree.count, faults.counts.load]).toEqual([100, 1]);
  });

  test('one that was there before a subscription is found by it, although it is restored later', () => {
    const { tree, work } = begun();
    set(tree, 't/3', 'new');
    const upTo = tree.latest;
    set(tree, 't/4', 'newer');
    while (!work.next().done);
    const walk = tree.walk('t/+', upTo)!;
    const found = walk.take(1000).map(({ topic }) => topic);
    expect(found).toHaveLength(99);
    expect(found).not.toContain('t/4');
  });
});
