import { describe, expect, test } from 'vitest';
import { type RunningBroker, type SomeLimits, startBroker } from '../../support/broker.ts';
import type { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';
import type { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { waitFor } from '../../support/wait-for.ts';

type Transport = 'tcp' | 'ws';

const start = (transport: Transport, limits: SomeLimits = {}, folder = tempFolder()) =>
  startBroker(folder, limits, {}, transport, undefined, [3, 4, 5]);

const KEPT: p.Properties = [['sessionExpiry', 600]];
const FILTER = '$share/g/t/#';

/** A member with a session that is kept. */
const member = async (
  broker: RunningBroker,
  clientId: string,
  options: { kept?: boolean; window?: number; qos?: number } = {},
): Promise<Client5> => {
  const { kept = true, window, qos = 2 } = options;
  const properties: p.Properties = [
    ...(kept ? KEPT : []),
    ...(window ? [['receiveMaximum', window] as const] : []),
  ];
  const client = await broker.client5({ clientId, clean: true, properties });
  expect(await client.subscribe([[FILTER, qos]])).toEqual([qos]);
  return client;
};

const publishAll = async (client: RawClient, payloads: readonly string[], qos: 0 | 1 | 2 = 1) => {
  for (const payload of payloads) await client.publish('t/a', payload, { qos });
};

const numbers = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => String(from + i));

/** The payloads that came, each acknowledged, until there are `count` of all clients together. */
const collect = async (clients: readonly Client5[], count: number): Promise<string[][]> => {
  const all: string[][] = clients.map(() => []);
  let missing = count;
  const pull = async (client: Client5, mine: string[]) => {
    while (client.raw.inbox.length > 0 && missing > 0) {
      mine.push((await client.message()).payload as string);
      missing--;
    }
  };
  await waitFor(async () => {
    for (const [i, client] of clients.entries()) await pull(client, all[i]!);
    expect(missing).toBe(0);
  });
  for (const client of clients) await client.quiet();
  return all;
};

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  test('[MQTT-4.8.2-3] each message goes to one member, in turn, at the QoS of its subscription', async () => {
    const broker = await start(transport);
    const members = [
      await member(broker, 'a', { kept: false, qos: 2 }),
      await member(broker, 'b', { kept: false, qos: 1 }),
      await member(broker, 'c', { kept: false, qos: 0 }),
    ];
    const publisher = await broker.client({ clientId: 'p' });
    await publishAll(publisher, numbers(9), 2);
    for (const [i, client] of members.entries()) {
      for (const payload of [i, i + 3, i + 6]) {
        expect(await client.message()).toMatchObject({ payload: String(payload), qos: 2 - i });
      }
      await client.quiet();
    }
  });

  test('clients of 3.1.1 and 5 are members of one group; a subscription of its own and another group get copies of theirs', async () => {
    const broker = await start(transport);
    const old = await broker.client({ clientId: 'old' });
    expect(await old.subscribe([FILTER, 1])).toEqual([1]);
    const young = await broker.client5({ clientId: 'new' });
    await young.subscribe([[FILTER, 1 | p.RETAIN_AS_PUBLISHED]], [['subscriptionIdentifier', 7]]);
    const beside = await broker.client5({ clientId: 'beside' });
    await beside.subscribe([['t/a', 1]]);
    const plain = await broker.client({ clientId: 'plain' });
    await plain.subscribe(['t/#', 0], ['$share/other/t/a', 1]);
    const publisher = await broker.client5({ clientId: 'p' });
    for (const payload of numbers(4)) {
      const code = await publisher.publish('t/a', payload, {
        qos: 1,
        retain: true,
        properties: [['contentType', 'x']],
      });
      expect(code).toBe(0);
    }
    expect((await old.messages(2)).map(({ payload, retain }) => [payload, retain])).toEqual([
      ['0', false],
      ['2', false],
    ]);
    for (const payload of ['1', '3']) {
      expect(await young.message()).toMatchObject({
        ...{ payload, retain: true },
        properties: expect.arrayContaining([
          ['contentType', 'x'],
          ['subscriptionIdentifier', 7],
        ]),
      });
    }
    for (const payload of numbers(4)) {
      const message = await beside.message();
      expect(message).toMatchObject({ payload, retain: false });
      expect(p.valuesIn(message, 'subscriptionIdentifier')).toEqual([]);
    }
    await beside.disconnect();
    const copies = (await plain.messages(8)).map(({ payload, qos }) => `${payload} ${qos}`);
    expect(copies.toSorted()).toEqual(numbers(4).flatMap((n) => [`${n} 0`, `${n} 1`]));
    for (const client of [old, young, plain]) await client.quiet();
    // The last member that leaves ends the group.
    await old.unsubscribe(FILTER);
    expect(await young.unsubscribe(FILTER, FILTER)).toEqual([0, 0x11]);
    await plain.unsubscribe('t/#', '$share/other/t/a');
    expect(await publisher.publish('t/a', 'x', { qos: 1 })).toBe(0x10);
  });

  test('a shared subscription gets no retained messages', async () => {
    const broker = await start(transport);
    const publisher = await broker.client({ clientId: 'p' });
    for (const qos of [0, 1] as const) {
      await publisher.publish(`t/${qos}`, 'kept', { qos, retain: true });
    }
    for (const kept of [false, true]) {
      const client = await member(broker, `m${kept}`, { kept });
      await client.subscribe([[FILTER, 1]]);
      await client.quiet();
    }
  });

  test('[MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.8.3-4] illegal share names and No Local are refused', async () => {
    const broker = await start(transport);
    for (const filter of [
      '$share/',
      '$share//t',
      '$share/g',
      '$share/g/',
      '$share/+/t',
      '$share/#',
    ]) {
      const old = await broker.client();
      expect(await old.subscribe([filter, 1])).toEqual([0x80]);
      old.destroy();
      const young = await broker.client5({ clientId: 'y' });
      young.send(p.subscribe(1, [[filter, 1]]));
      await young.ended(0x82);
    }
    const young = await broker.client5({ clientId: 'y' });
    expect(
      await young.subscribe([
        ['$share/g//t', 1],
        ['$share', 1],
      ]),
    ).toEqual([1, 1]);
    young.send(p.subscribe(1, [['$share/g/t', 1 | p.NO_LOCAL]]));
    await young.ended(0x82);
  });

  test('a member that does not acknowledge is passed over while another one does', async () => {
    const broker = await start(transport);
    const stuck = await member(broker, 'stuck', { window: 2 });
    const reads = await member(broker, 'reads', { window: 5 });
    const publisher = await broker.client({ clientId: 'p' });
    const [first] = await Promise.all([collect([reads], 198), publishAll(publisher, numbers(200))]);
    const held = [await stuck.next('publish'), await stuck.next('publish')];
    const all = [...first[0]!, ...held.map(({ payload }) => payload as string)];
    expect(all.toSorted()).toEqual(numbers(200).toSorted());
    await stuck.quiet();
  });

  test('what waits for a member that does not acknowledge goes to one that does', async () => {
    const broker = await start(transport);
    const stuck = await member(broker, 'stuck', { window: 2 });
    await publishAll(await broker.client(), numbers(50));
    const reads = await member(broker, 'reads', { window: 5 });
    const [payloads] = await collect([reads], 48);
    expect(payloads).toEqual(numbers(48, 2));
    expect(await stuck.next('publish')).toMatchObject({ payload: '0' });
    expect(await stuck.next('publish')).toMatchObject({ payload: '1' });
    await stuck.quiet();
  });

  test('T26 what a member has not acknowledged goes to another one when its session ends, with DUP', async () => {
    for (const kept of [false, true]) {
      const broker = await start(transport);
      const leaves = await member(broker, 'leaves', { kept, window: 4 });
      const publisher = await broker.client({ clientId: 'p' });
      await publishAll(publisher, numbers(10));
      const begun = [];
      for (let i = 0; i < 4; i++) begun.push((await leaves.next('publish')).payload);
      expect(begun).toEqual(numbers(4));
      const stays = await member(broker, 'stays', { kept, window: 3 });
      // With an expiry of 0 the session ends with the connection.
      await leaves.disconnect(0, kept ? [['sessionExpiry', 0]] : []);
      const came: [string, boolean][] = [];
      for (let i = 0; i < 10; i++) {
        const { payload, dup } = await stays.message();
        came.push([payload as string, dup!]);
      }
      expect(came.toSorted()).toEqual(numbers(10).map((n) => [n, Number(n) < 4]));
      await stays.quiet();
      await broker.stop();
    }
  });

  test('[MQTT-4.8.2-4] [MQTT-4.8.2-5] what was begun at QoS 2 goes to no other member', async () => {
    const folder = tempFolder();
    const broker = await start(transport, {}, folder);
    const leaves = await member(broker, 'leaves', { window: 2 });
    const publisher = await broker.client({ clientId: 'p' });
    await publishAll(publisher, ['begun', 'received', 'waits'], 2);
    await leaves.next('publish');
    const { id } = await leaves.next('publish');
    leaves.send(p.acknowledge('pubrec', id!));
    await leaves.next('pubrel');
    leaves.destroy();
    const stays = await member(broker, 'stays');
    expect(await stays.message()).toMatchObject({ payload: 'waits', dup: false });
    const again = await broker.client5({ clientId: 'leaves', clean: false, properties: KEPT });
    expect(await again.next('publish')).toMatchObject({ payload: 'begun', dup: true });
    expect(await again.next('pubrel')).toMatchObject({ id });
    again.destroy();
    await stays.disconnect();
    await broker.stop();
    const after = await start(transport, {}, folder);
    const back = await after.client5({ clientId: 'stays', clean: false, properties: KEPT });
    await after.client5({ clientId: 'leaves', clean: true });
    for (const payload of ['next', 'last']) {
      await publishAll(await after.client(), [payload], 2);
      expect(await back.message()).toMatchObject({ payload });
    }
    await back.quiet();
  });

  test('[MQTT-4.8.2-6] a message that a member refuses goes to no other one', async () => {
    const broker = await start(transport);
    const refuses = await member(broker, 'refuses', { window: 1 });
    const publisher = await broker.client({ clientId: 'p' });
    await publishAll(publisher, ['bad']);
    const { id } = await refuses.next('publish');
    const other = await member(broker, 'other');
    refuses.send(p.acknowledge('puback', id!, 0x83));
    await refuses.quiet();
    await refuses.disconnect(0, [['sessionExpiry', 0]]);
    await other.quiet();
  });

  test('T24 T27 with all members away the group keeps its messages, over a restart too; who comes first gets them in order', async () => {
    const folder = tempFolder();
    const broker = await start(transport, {}, folder);
    for (const clientId of ['a', 'b']) await (await member(broker, clientId)).disconnect();
    await publishAll(await broker.client(), numbers(600));
    await broker.stop();
    const after = await start(transport, {}, folder);
    await publishAll(await after.client(), numbers(100, 600), 2);
    const b = await after.client5({ clientId: 'b', clean: false, properties: KEPT });
    const [payloads] = await collect([b], 700);
    expect(payloads).toEqual(numbers(700));
    const a = await after.client5({ clientId: 'a', clean: false, properties: KEPT });
    await a.quiet();
  });

  test('T22 what another member takes over has its own identifier, and the properties and expiry of the message', async () => {
    const broker = await start(transport);
    const first = await broker.client5({ clientId: 'first', properties: KEPT });
    await first.subscribe([[FILTER, 1]], [['subscriptionIdentifier', 1]]);
    await first.disconnect();
    const publisher = await broker.client5({ clientId: 'p' });
    const properties: p.Properties = [
      ['userProperty', ['k', 'v']],
      ['messageExpiry', 1000],
    ];
    await publisher.publish('t/a', 'x', { qos: 1, properties });
    const second = await broker.client5({ clientId: 'second', properties: KEPT });
    await second.subscribe([[FILTER, 1]], [['subscriptionIdentifier', 2]]);
    const message = await second.message();
    expect(p.valuesIn(message, 'subscriptionIdentifier')).toEqual([2]);
    expect(p.valuesIn(message, 'userProperty')).toEqual([['k', 'v']]);
    expect(p.valuesIn(message, 'messageExpiry')[0]).toBeGreaterThan(900);
  });

  test('the queue of a group with all members away has the limits of their queues', async () => {
    const broker = await start(transport, { queue: { messages: 20 } });
    for (const clientId of ['a', 'b']) await (await member(broker, clientId)).disconnect();
    await publishAll(await broker.client(), numbers(50));
    expect(broker.broker.counts).toMatchObject({ queued: 40, dropped: 10 });
  });
});

test('the group and its members count to the limits of subscriptions', async () => {
  const broker = await start('tcp', { subscriptions: 4, absentSessions: 'keep' });
  const members = [];
  for (const clientId of ['a', 'b', 'c']) members.push(await member(broker, clientId));
  const other = await broker.client5({ clientId: 'd' });
  expect(await other.subscribe([[FILTER, 1]])).toEqual([0x97]);
  for (const client of members) expect(await client.unsubscribe(FILTER)).toEqual([0]);
  expect(await other.subscribe([[FILTER, 1]])).toEqual([1]);
});

test.each([
  ['sessions', { sessions: 4, connections: 2 }],
  ['subscriptions', { subscriptions: 4 }],
] as const)(
  'a member whose session ends because of the limit %s leaves its messages to the group',
  async (_name, limits) => {
    const broker = await start('tcp', limits);
    const large = await member(broker, 'large');
    await large.subscribe([['other', 1]]);
    await large.disconnect();
    await (await member(broker, 'small')).disconnect();
    const publisher = await broker.client({ clientId: 'p' });
    await publisher.publish('other', 'its own', { qos: 1 });
    await publishAll(publisher, numbers(50));
    for (const clientId of ['x', 'y']) {
      const client = await broker.client({ clientId, clean: false });
      await client.subscribe([clientId, 1]);
      await client.disconnect();
    }
    expect(broker.broker.sessions.map(({ clientId }) => clientId)).not.toContain('large');
    const small = await broker.client5({ clientId: 'small', clean: false, properties: KEPT });
    expect(await collect([small], 50)).toEqual([numbers(50)]);
    expect(broker.broker.drops.reasons).toEqual({ 'session-cut': 1 });
  },
);
