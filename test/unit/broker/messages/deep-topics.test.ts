import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Subscriber } from '../../../../src/broker/messages/publication.ts';
import { RetainedMessages } from '../../../../src/broker/messages/retained.ts';
import { Router } from '../../../../src/broker/messages/router.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { startBroker } from '../../../support/broker.ts';
import { naiveMatch } from '../../../support/naive-match.ts';
import { matching } from '../../../support/retained.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { waitFor } from '../../../support/wait-for.ts';

/** As many levels as fit into 65,535 bytes. */
const LONGEST = 'a/'.repeat(32_767);

const name = fc.constantFrom('a', 'b', '', '$x');
const depth = fc.integer({ min: 124, max: 134 });
/** Names around the 128th level, behind many that are the same. */
const topics = fc
  .tuple(depth, fc.array(name, { minLength: 1, maxLength: 5 }))
  .map(([levels, end]) => ['a/'.repeat(levels - 1), ...end].join('/'));
const filters = fc
  .tuple(
    depth,
    fc.constantFrom('a/', '+/'),
    fc.array(fc.oneof(name, fc.constant('+')), { minLength: 1, maxLength: 5 }),
    fc.boolean(),
  )
  .map(([levels, start, end, all]) =>
    [start + 'a/'.repeat(levels - 2), ...(all ? [...end.slice(1), '#'] : end)].join('/'),
  );

test('a route finds the same subscribers as a naive matcher around the 128th level', () => {
  const asked = fc.tuple(fc.array(filters, { maxLength: 12 }), fc.array(topics, { maxLength: 6 }));
  fc.assert(
    fc.property(asked, fc.integer({ min: 1, max: 4 }), ([all, names], nth) => {
      const router = new Router();
      const made = all.map((filter) => ({
        filter,
        subscriber: {
          persistent: false,
          backlogged: undefined,
          deliver: () => undefined,
        } satisfies Subscriber,
      }));
      for (const { filter, subscriber } of made) router.subscribe(filter, subscriber, 1);
      for (const [i, { filter, subscriber }] of made.entries()) {
        if (i % nth === 0) router.unsubscribe(filter, subscriber);
      }
      const left = made.filter((_, i) => i % nth !== 0);
      expect(router.count).toBe(left.length);
      for (const topic of names) {
        const expected = left.filter(({ filter }) => naiveMatch(filter, topic));
        const { subscribers } = router.route(topic);
        expect(new Set(subscribers)).toEqual(new Set(expected.map(({ subscriber }) => subscriber)));
      }
      for (const { filter, subscriber } of left) router.unsubscribe(filter, subscriber);
      expect([router.count, router.deepWildcards]).toEqual([0, 0]);
    }),
  );
});

test('retained messages are the same as with a naive matcher around the 128th level', () => {
  fc.assert(
    fc.property(fc.array(topics, { maxLength: 12 }), filters, (names, filter) => {
      const retained = new RetainedMessages();
      for (const topic of names) retained.set(topic, 0, createMessage(topic, Buffer.from('x')));
      const found = matching(retained, filter).map(({ topic }) => topic);
      const expected = new Set(names.filter((topic) => naiveMatch(filter, topic)));
      expect(found.toSorted()).toEqual([...expected].toSorted());
      for (const topic of new Set(names)) expect(retained.delete(topic)).toBe(true);
      expect(matching(retained, '#')).toEqual([]);
    }),
  );
});

test('subscriptions, retained messages and wills work at as many levels as fit, also after a restart', async () => {
  const folder = tempFolder();
  const first = await startBroker(folder);
  const subscriber = await first.client({ clientId: 's', clean: false });
  const filters = [
    LONGEST,
    `${LONGEST.slice(0, -2)}/#`,
    '+/'.repeat(32_767),
    `+/${'a/'.repeat(32_765)}#`,
  ];
  const codes = await subscriber.subscribe(...filters.map((filter) => [filter, 1] as const));
  expect(codes).toEqual([1, 1, 1, 1]);
  const publisher = await first.client({
    clientId: 'p',
    will: { topic: LONGEST, payload: 'gone', qos: 1, retain: true },
  });
  for (const qos of [0, 1, 2]) {
    await publisher.publish(LONGEST, `${qos}`, { qos, retain: true });
    const message = await subscriber.message();
    expect([message.topic === LONGEST, message.payload]).toEqual([true, `${qos}`]);
  }
  publisher.destroy();
  expect((await subscriber.message()).payload).toBe('gone');
  await subscriber.disconnect();
  const kept: string[] = [];
  first.broker.subscribeLocal('a/#', ({ payload }) => kept.push(Buffer.from(payload).toString()));
  const other = await first.client({ clientId: 'o' });
  await other.publish(LONGEST, 'kept', { qos: 1, retain: true });
  expect(kept).toEqual(['kept']);
  await first.stop();

  const { client, broker } = await startBroker(folder);
  expect(broker.counts).toMatchObject({ subscriptions: 4, retained: 1, queued: 1 });
  const again = await client({ clientId: 's', clean: false });
  expect((await again.message()).payload).toBe('kept');
  const reader = await client({ clientId: 'r' });
  await reader.subscribe(['a/#', 1]);
  expect(await reader.message()).toMatchObject({ payload: 'kept', retain: true });
  await reader.publish(LONGEST, '', { qos: 1, retain: true });
  await again.message();
  await again.unsubscribe(...filters);
  expect(broker.counts).toMatchObject({ subscriptions: 1, retained: 0 });
});

/** A busy machine does not add to it. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

test('thousands of filters and topics of many levels need little memory and processor time', () => {
  const router = new Router();
  const retained = new RetainedMessages();
  const subscriber: Subscriber = {
    persistent: false,
    backlogged: undefined,
    deliver: () => undefined,
  };
  const before = process.memoryUsage();
  const began = processorMs();
  for (let i = 0; i < 1000; i++) {
    const at = 2 * i;
    router.subscribe(`${LONGEST.slice(0, at)}x/${LONGEST.slice(at + 2)}`, subscriber, 1);
    // No more than 50 of these are granted.
    if (i < 120) {
      router.subscribe(`${LONGEST.slice(0, at)}+/${LONGEST.slice(at + 2)}`, subscriber, 1);
    }
    const topic = `${i}/${'/'.repeat(65_000)}`;
    retained.set(topic, 0, createMessage(topic, Buffer.alloc(1)));
  }
  const routing = processorMs();
  expect(router.route(LONGEST).subscribers).toHaveLength(1);
  expect(matching(retained, `+/${'/'.repeat(65_000)}`)).toHaveLength(1000);
  expect(processorMs() - routing).toBeLessThan(1500);
  expect(processorMs() - began).toBeLessThan(5000);
  const { heapUsed } = process.memoryUsage();
  expect((heapUsed - before.heapUsed) / 1024 / 1024).toBeLessThan(600);
});

test('filters with a wildcard beyond the 128th level are bounded, others are not refused for them', async () => {
  const { client, records, broker } = await startBroker(tempFolder());
  const subscriber = await client({ clientId: 's' });
  const prefix = 'a/'.repeat(130);
  const deep = Array.from({ length: 51 }, (_, i) => [`${prefix}${i}/+`, 0] as const);
  const codes = await subscriber.subscribe(...deep);
  expect(codes.slice(-2)).toEqual([0, 0x80]);
  expect(
    await subscriber.subscribe(deep[0]!, [`${prefix}x`, 0], [`${'a/'.repeat(128)}#`, 0]),
  ).toEqual([0, 0, 0]);
  await waitFor(() => expect(records.map(({ msg }) => msg)).toContain('subscription refused'));
  expect(broker.counts.subscriptions).toBe(52);
});
