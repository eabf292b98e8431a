import { expect, test } from 'vitest';
import type { Rights } from '../../../../src/access/rules.ts';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import type { BrokerLimits } from '../../../../src/broker/broker-limits.ts';
import { createMessage } from '../../../../src/queue/message.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const FILTERS = 2000;
/** Parts of the work in one turn: each look at the clock takes a tenth of a millisecond. */
const PARTS = 50;

/** A data plane on whose clock every part of long work takes time, and how much is done in the longest turn. */
function setUp(limits: Partial<BrokerLimits> = {}) {
  let now = 0;
  const turnBudget = new TurnBudget(() => {
    now += 0.1;
    return now;
  });
  const disk = new MemoryDisk();
  const made = new TestPlane(disk, limits, turnBudget);
  const { router, retained, sessions } = made.plane;
  /** Lets turns pass until it is done; the most that the count of subscriptions changed in one of them. */
  const passUntil = async (isDone: () => boolean): Promise<number> => {
    let most = 0;
    // The journal may wait some milliseconds before a commit, in which thousands of turns pass.
    for (const late = performance.now() + 20_000; !isDone(); ) {
      if (performance.now() > late) throw new Error('it does not end');
      const before = router.count;
      await turn();
      disk.land();
      most = Math.max(most, Math.abs(router.count - before));
    }
    return most;
  };
  const open = (clientId: string, clean = false) => {
    const { connection, transport } = made.open(clientId, clean);
    const reader = new packets.PacketReader();
    const take = (): packets.Packet[] => reader.push(transport.take());
    const received: packets.Packet[] = [];
    const has = (type: string) => () => {
      received.push(...take());
      return received.some((packet) => packet.type === type);
    };
    return { connection, received, has };
  };
  const retain = (topic: string, qos: 0 | 1): void =>
    retained.set(topic, qos, createMessage(topic, Buffer.from('x')));
  return { plane: made.plane, router, sessions, passUntil, open, retain };
}

const filters = Array.from({ length: FILTERS }, (_, i) => [`far/${i}/+`, 1] as const);

test('a SUBSCRIBE and an UNSUBSCRIBE of thousands of filters take several turns, and what follows waits', async () => {
  const { router, passUntil, open } = setUp();
  const { connection, received, has } = open('many');
  connection.data(Buffer.concat([packets.subscribe(1, filters), packets.pingreq]));
  expect(router.count).toBeLessThan(PARTS);
  expect(await passUntil(has('suback'))).toBeLessThanOrEqual(PARTS);
  expect(router.count).toBe(FILTERS);
  const names = filters.map(([filter]) => filter);
  connection.data(packets.unsubscribe(2, names));
  expect(await passUntil(has('unsuback'))).toBeLessThanOrEqual(PARTS);
  expect(router.count).toBe(0);
  expect(received.map(({ type }) => type).filter((type) => type !== 'pingresp')).toEqual([
    'connack',
    'suback',
    'unsuback',
  ]);
});

test('a SUBSCRIBE that is malformed at its end changes nothing', async () => {
  const { router, passUntil, open } = setUp();
  const { connection } = open('broken');
  connection.data(packets.subscribe(1, [...filters, ['a#', 0]]));
  await passUntil(() => connection.closed);
  expect(router.count).toBe(0);
});

test('subscriptions that are no longer allowed end in several turns, also those of a client that goes meanwhile', async () => {
  const { plane, router, passUntil, open } = setUp();
  const { connection, has } = open('revoked');
  connection.data(packets.subscribe(1, [...filters, ['kept', 1]]));
  await passUntil(has('suback'));
  const rights = { maySubscribe: (filter: string) => filter === 'kept' } as unknown as Rights;
  let hasEnded = false;
  plane.subscriptions.revokeSubscriptions(connection.session!, rights, () => {
    hasEnded = true;
  });
  expect([hasEnded, router.count > FILTERS - PARTS]).toEqual([false, true]);
  connection.lost();
  expect(await passUntil(() => hasEnded)).toBeLessThanOrEqual(PARTS);
  expect(router.count).toBe(1);
});

test('a client that goes while it subscribes leaves nothing that works on', async () => {
  const { router, passUntil, open } = setUp();
  const { connection } = open('gone', true);
  connection.data(packets.subscribe(1, filters));
  connection.lost();
  await passUntil(() => router.count === 0);
  for (let i = 0; i < 10; i++) await turn();
  expect(router.count).toBe(0);
});

test('the subscriptions of a session that ends go in several turns, and are not counted meanwhile', async () => {
  const { router, sessions, passUntil, open } = setUp({ subscriptions: FILTERS });
  const { connection, has } = open('many', true);
  connection.data(packets.subscribe(1, filters));
  await passUntil(has('suback'));
  connection.lost();
  expect(router.count).toBeGreaterThanOrEqual(FILTERS - PARTS);
  expect(sessions.ending.count).toBe(router.count);
  const next = open('next', true);
  next.connection.data(packets.subscribe(1, [['other', 1]]));
  expect(await passUntil(next.has('suback'))).toBeLessThanOrEqual(PARTS);
  expect(next.received.at(-1)).toMatchObject({ codes: [1] });
  await passUntil(() => sessions.ending.count === 0);
  expect([router.count, sessions.ending.bytes, router.bytes]).toEqual([1, 0, 5]);
});

for (const qos of [0, 1] as const) {
  test(`a subscription that matches thousands of retained messages at QoS ${qos} gets each once, in several turns`, async () => {
    const { passUntil, open, retain, plane } = setUp({
      queue: { messages: 10_000, bytes: 1e8, age: 1e9, full: 'drop-oldest' },
      inflight: 10_000,
    });
    for (let i = 0; i < 10_000; i++) retain(`r/${i % 10}/m${i}`, qos);
    const { connection, received, has } = open('reader');
    // At QoS 0 they come for each filter.
    const overlapping = qos === 0 ? [] : ['r/#', 'r/1/+'];
    connection.data(
      packets.subscribe(
        1,
        ['#', ...overlapping].map((filter) => [filter, qos]),
      ),
    );
    let [most, before] = [0, 0];
    const topics = (): string[] =>
      received.flatMap((each) => (each.type === 'publish' ? [each.topic] : []));
    retain('r/later', qos);
    await passUntil(() => {
      has('x')();
      const count = topics().length;
      most = Math.max(most, count - before);
      before = count;
      return count === 10_000;
    });
    expect(new Set(topics()).size).toBe(10_000);
    if (qos === 0) expect(most).toBeLessThan(8000);
    expect(plane.retained.count).toBe(10_001);
    for (let i = 0; i < 50; i++) await turn();
    has('x')();
    expect(topics()).toHaveLength(10_000);
    connection.lost();
  });
}
