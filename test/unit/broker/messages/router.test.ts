import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Subscriber } from '../../../../src/broker/messages/publication.ts';
import { Router } from '../../../../src/broker/messages/router.ts';
import type { Qos } from '../../../../src/mqtt/codec.ts';
import { matches } from '../../../../src/mqtt/topics.ts';
import { naiveMatch } from '../../../support/naive-match.ts';

const subscriber = (persistent = false): Subscriber => ({
  persistent,
  deliver: () => undefined,
  backlogged: undefined,
});

function find(router: Router, topic: string) {
  const bytes = Buffer.from(`..${topic}..`);
  return router.find(bytes, 2, bytes.length - 2);
}

/** Few names, so that filters and topics meet; empty levels and `$` among them. */
const name = fc.constantFrom('a', 'b', '', '$x', 'é');
const topics = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');
const filters = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels.slice(1), '#'] : levels).join('/'))
  .filter((filter) => filter !== '');

test('finds the same subscribers as a naive matcher, each once and at its highest QoS', () => {
  const changes = fc.array(
    fc.record({
      filter: filters,
      who: fc.integer({ min: 0, max: 3 }),
      qos: fc.constantFrom<Qos>(0, 1, 2),
      remove: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(changes, fc.array(topics, { minLength: 1, maxLength: 5 }), (made, asked) => {
      const router = new Router();
      const subscribers = [0, 1, 2, 3].map((i) => subscriber(i === 3));
      const model = new Map<string, Map<number, Qos>>();
      for (const { filter, who, qos, remove } of made) {
        const held = model.get(filter) ?? new Map<number, Qos>();
        model.set(filter, held);
        if (remove) {
          router.unsubscribe(filter, subscribers[who]!);
          held.delete(who);
        } else {
          router.subscribe(filter, subscribers[who]!, qos);
          held.set(who, qos);
        }
        for (const topic of asked) {
          const expected = new Map<number, Qos>();
          for (const [each, holders] of model) {
            if (!naiveMatch(each, topic)) continue;
            for (const [holder, granted] of holders) {
              expected.set(holder, Math.max(granted, expected.get(holder) ?? 0) as Qos);
            }
          }
          const route = find(router, topic);
          const found = route.subscribers.map((each, i) => [
            subscribers.indexOf(each),
            route.qos[i],
          ]);
          expect(found.toSorted()).toEqual([...expected].toSorted());
          expect(route.persistent).toBe(expected.has(3));
          expect(route.topic).toBe(topic);
        }
      }
      const count = [...model.values()].reduce((sum, holders) => sum + holders.size, 0);
      expect(router.count).toBe(count);
    }),
    { numRuns: 300 },
  );
});

test("the gateway's own matcher agrees with the naive one", () => {
  fc.assert(
    fc.property(filters, topics, (filter, topic) => {
      expect(matches(filter, topic)).toBe(naiveMatch(filter, topic));
    }),
    { numRuns: 2000 },
  );
});

test('a route that is remembered changes with the subscriptions', () => {
  const router = new Router();
  const [a, b] = [subscriber(), subscriber()];
  router.subscribe('t', a, 0);
  expect(find(router, 't')).toBe(find(router, 't'));
  router.subscribe('#', b, 1);
  expect(find(router, 't').subscribers).toHaveLength(2);
  router.unsubscribe('t', a);
  expect(find(router, 't').subscribers).toEqual([b]);
  router.unsubscribe('t', a);
  router.unsubscribe('never/there', b);
  expect(router.count).toBe(1);
});

test('topics are distinguished by their bytes, however many there are', () => {
  const router = new Router();
  const all = subscriber();
  router.subscribe('#', all, 0);
  for (let round = 0; round < 2; round++) {
    let right = 0;
    for (let i = 0; i < 25_000; i++) if (find(router, `topic/${i}`).topic === `topic/${i}`) right++;
    expect(right).toBe(25_000);
  }
  // The same sum by the router's own arithmetic: 31 × 'A' + 'a' is 31 × 'B' + 'B'.
  expect(find(router, 'Aa').topic).toBe('Aa');
  expect(find(router, 'BB').topic).toBe('BB');
  const long = 'x'.repeat(2000);
  expect(find(router, long).topic).toBe(long);
});

test.each(['a/+', '#', 'a/#/b', 'x+y', '', 'nul\0'])(
  'bytes that are no topic name are refused: %j',
  (topic) => {
    const router = new Router();
    for (let i = 0; i < 2; i++) expect(() => find(router, topic)).toThrow(/topic|U\+0000/);
  },
);

test('bytes that are no UTF-8 are refused', () => {
  const router = new Router();
  expect(() => router.find(Buffer.from([0xff, 0xfe]), 0, 2)).toThrow('not UTF-8');
});

test('a subscriber that is gone is not kept alive by what was remembered', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const router = new Router();
  router.subscribe('other', subscriber(), 0);
  const gone = (() => {
    const leaving = subscriber();
    router.subscribe('#', leaving, 0);
    for (let i = 0; i < 10; i++) find(router, `topic/${i}`);
    router.unsubscribe('#', leaving);
    return new WeakRef(leaving);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  expect(gone.deref()).toBeUndefined();
});

test('topics that the same filters match share their list of subscribers', () => {
  const router = new Router();
  for (let n = 0; n < 100; n++) router.subscribe('+/+', subscriber(), 0);
  router.subscribe('a/1', subscriber(true), 1);
  const [first, second, other] = ['a/2', 'b/3', 'a/1'].map((topic) => find(router, topic));
  expect(second!.subscribers).toBe(first!.subscribers);
  expect(second!.qos).toBe(first!.qos);
  expect([first!.topic, second!.topic, first!.persistent]).toEqual(['a/2', 'b/3', false]);
  expect([other!.subscribers.length, other!.persistent]).toEqual([101, true]);
  router.subscribe('#', subscriber(), 0);
  expect(find(router, 'b/3').subscribers.length).toBe(101);
});

const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** Bytes that the heap and buffers have more after the work than before; what it returns is still in use. */
function grown<Result>(work: () => Result): { bytes: number; result: Result } {
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const result = work();
  return { bytes: used() - before, result };
}

test.each([
  ['that all topics share', () => undefined],
  ['and one more of each topic', (n: number) => `t/${n}`],
])('the cache takes less than 20 MB, with 19,000 topics and 1,000 subscribers %s', (_what, own) => {
  const router = new Router();
  for (let n = 0; n < 1000; n++) router.subscribe('+/+', subscriber(), 0);
  for (let n = 0; n < 19_000; n++) {
    const filter = own(n);
    if (filter !== undefined) router.subscribe(filter, subscriber(), 0);
  }
  const { bytes, result } = grown(() => {
    let most = 0;
    for (let n = 0; n < 19_000; n++) {
      find(router, `t/${n}`);
      most = Math.max(most, router.cachedBytes);
    }
    return most;
  });
  expect(result).toBeLessThan(15 * 1024 * 1024);
  // What the cache says of itself is what it takes, or more.
  expect(bytes).toBeLessThan(Math.max(result, router.cachedBytes) + 2 * 1024 * 1024);
  expect(bytes).toBeLessThan(20_000_000);
});

test.each([
  ['cell/lamp/set', true],
  ['cell/lamp/#', true],
  ['+/lamp/+', true],
  ['#', false],
  ['cell/#', false],
  ['cell/+/set', false],
  ['+/+/set', false],
  ['cell/pump/set', false],
  ['cell/set', false],
])('a subscription to %s names the topic cell/lamp/set: %s', (filter, named) => {
  const router = new Router();
  const one = subscriber();
  router.subscribe(filter, one, 1);
  expect(router.isNamed('cell/lamp/set', () => true)).toBe(named);
  expect(router.isNamed('cell/lamp/set', (each) => each !== one)).toBe(false);
});
