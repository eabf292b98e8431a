import { expect, test } from 'vitest';
import type { Rights } from '../../../../src/access/rules.ts';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

const STORED = 2000;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A data plane that has just started, with many retained messages on its disk: restoring them takes many turns. */
function setUp(qos: 0 | 1) {
  const disk = new MemoryDisk();
  for (let n = 0; n < STORED; n++) {
    disk.retained.set(`t/${n}`, { qos, payload: Buffer.from(`stored ${n}`), publisher: 'c' });
  }
  let now = 0;
  const made = new TestPlane(disk, { inflight: 65_535 }, new TurnBudget(() => ++now));
  const { retained } = made.plane;
  const open = (clientId: string, clean: boolean) => {
    const { connection, transport } = made.open(clientId, clean);
    const reader = new packets.PacketReader();
    const received: packets.Packet[] = [];
    return {
      connection,
      send: (...bytes: Buffer[]) => connection.data(Buffer.concat(bytes)),
      received() {
        received.push(...reader.push(transport.take()));
        return received;
      },
      payloads() {
        const publishes = this.received().filter((packet) => packet.type === 'publish');
        return publishes.map(({ topic, payload }) => `${topic} ${payload}`);
      },
    };
  };
  const isRestored = (): boolean => retained.isComplete('#');
  const pass = async (isDone: () => boolean): Promise<void> => {
    for (let turns = 0; !isDone(); turns++) {
      if (turns > 100_000) throw new Error('it does not end');
      await turn();
      disk.land();
    }
  };
  return { disk, plane: made.plane, open, isRestored, pass };
}

const stored = (n: number) => `t/${n} stored ${n}`;

test('clients are served before all retained messages are in memory', async () => {
  const { open, isRestored, pass } = setUp(0);
  const [reader, writer] = [open('reader', true), open('writer', true)];
  reader.send(packets.subscribe(1, [['t/1999', 0]]));
  await pass(() => reader.payloads().length === 1);
  expect(reader.payloads()).toEqual([stored(1999)]);
  writer.send(packets.publish('t/1999', 'new', { retain: true }));
  await pass(() => reader.payloads().length === 2);
  expect([reader.payloads().at(-1), isRestored()]).toEqual(['t/1999 new', false]);
});

test('a subscription with a wildcard gets each of them once, and none that has changed since', async () => {
  const { open, isRestored, pass } = setUp(0);
  const [reader, writer] = [open('reader', true), open('writer', true)];
  reader.send(packets.subscribe(1, [['t/#', 0]]));
  await pass(() => reader.received().some(({ type }) => type === 'suback'));
  writer.send(
    packets.publish('t/1500', 'new', { retain: true }),
    packets.publish('t/1501', '', { retain: true }),
  );
  await pass(() => reader.payloads().length === 2);
  expect([reader.payloads(), isRestored()]).toEqual([['t/1500 new', 't/1501 '], false]);
  await pass(() => reader.payloads().length === STORED);
  await pass(isRestored);
  const expected = ['t/1500 new', 't/1501 '];
  for (let n = 0; n < STORED; n++) if (n !== 1500 && n !== 1501) expected.push(stored(n));
  expect(reader.payloads().toSorted()).toEqual(expected.toSorted());
});

test('one that ends its subscription before they are there gets none', async () => {
  const { open, isRestored, pass } = setUp(0);
  const reader = open('reader', true);
  reader.send(packets.subscribe(1, [['#', 0]]), packets.unsubscribe(2, ['#']));
  await pass(isRestored);
  await pass(() => reader.received().some(({ type }) => type === 'unsuback'));
  expect(reader.payloads()).toEqual([]);
});

test('a persistent session has them in its queue before its SUBACK', async () => {
  const { disk, open, isRestored, pass } = setUp(1);
  const reader = open('reader', false);
  reader.send(packets.subscribe(1, [['t/+', 1]]));
  const isAnswered = (): boolean => reader.received().some(({ type }) => type === 'suback');
  await pass(() => isAnswered() || isRestored());
  expect(isAnswered()).toBe(false);
  await pass(isAnswered);
  const [queue] = disk.queues.values();
  expect(queue?.size).toBe(STORED);
  await pass(() => reader.payloads().length === STORED);
});

test.each([
  [0, true],
  [0, false],
  [1, true],
  [1, false],
] as const)(
  'a client that loses its right meanwhile gets none, at QoS %s, clean session: %s',
  async (qos, clean) => {
    const { plane, open, isRestored, pass } = setUp(qos);
    const reader = open('reader', clean);
    reader.send(packets.subscribe(1, [['t/#', qos]]));
    const session = plane.sessions.byClientId.get('reader')!;
    while (session.subscriptions.size === 0) await turn();
    const rights = { maySubscribe: () => false } as unknown as Rights;
    reader.connection.access = { identity: { user: 'u', proof: undefined }, rights };
    // All before anything is on disk: the SUBACK, and what comes after it, wait.
    await new Promise((ended) => plane.subscriptions.revokeSubscriptions(session, rights, ended));
    await pass(isRestored);
    await pass(() => reader.received().some(({ type }) => type === 'suback'));
    for (let n = 0; n < 50; n++) await turn();
    expect(isRestored()).toBe(true);
    expect(reader.payloads()).toEqual([]);
  },
);

test('a session that unsubscribes behind its SUBSCRIBE gets what was retained then', async () => {
  const { open, isRestored, pass } = setUp(0);
  const reader = open('reader', false);
  await pass(isRestored);
  reader.send(packets.subscribe(1, [['t/#', 0]]), packets.unsubscribe(2, ['t/#']));
  await pass(() => reader.payloads().length === STORED);
  expect(reader.received().some(({ type }) => type === 'unsuback')).toBe(true);
});

test('one that was deleted before it was in memory is deleted on the disk', async () => {
  const { disk, plane, open, isRestored, pass } = setUp(0);
  const writer = open('writer', true);
  writer.send(packets.publish('t/1998', '', { retain: true, qos: 1, id: 1 }));
  expect(isRestored()).toBe(false);
  await pass(() => writer.received().some(({ type }) => type === 'puback'));
  expect(disk.retained.has('t/1998')).toBe(false);
  await pass(isRestored);
  expect([plane.retained.get('t/1998'), plane.retained.count]).toEqual([undefined, STORED - 1]);
});
