import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as packets from '../../../support/packets.ts';
import type { Properties } from '../../../support/packets-5.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const SET = 'set its protocol version to 3.1.1 (level 4)';

test.each([
  ['MQTT', 5, `it speaks MQTT 5, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 3, `it speaks MQTT with level 3, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQIsdp', 4, `it speaks MQIsdp with level 4, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 0x85, `it speaks MQTT 5 as a bridge, and this listener takes 3.1 and 3.1.1: ${SET}`],
  ['MQTT', 6, `it speaks MQTT with level 6, and this listener takes 3.1 and 3.1.1: ${SET}`],
])(
  'a client of %s with level %i is logged with its address, its version and what to set',
  async (protocol, level, reason) => {
    const { port, records } = await startBroker(tempFolder(), {}, {}, 'tcp', undefined, [3, 4]);
    for (let i = 0; i < 3; i++) {
      const client = await RawClient.open('tcp', port);
      client.send(packets.connect({ protocol, level, clientId: `c${i}` }));
      expect((await client.next('connack')).code).toBe(1);
      await client.closed();
    }
    expect(records.filter(({ msg }) => msg === 'connection closed')).toMatchObject([
      { client: '127.0.0.1', reason },
    ]);
  },
);

test.each([
  ['MQTT', 6],
  ['MQTT', 3],
])(
  'a listener takes 3.1, 3.1.1 and 5 unless it says otherwise, not %s with level %i',
  async (protocol, level) => {
    const { port, records, client, client5 } = await startBroker(tempFolder());
    expect((await client({ protocol: 'MQIsdp', level: 3, clientId: 'a' })).connack.code).toBe(0);
    expect((await client({ clientId: 'b' })).connack.code).toBe(0);
    expect((await client5({ clientId: 'c' })).connack.code).toBe(0);
    const other = await RawClient.open('tcp', port);
    other.send(packets.connect({ protocol, level, clientId: 'd' }));
    expect((await other.next('connack')).code).toBe(1);
    await other.closed();
    const reason = `it speaks MQTT with level ${level}, and this listener takes 3.1, 3.1.1 and 5: ${SET}`;
    expect(records.filter(({ msg }) => msg === 'connection closed')).toMatchObject([{ reason }]);
  },
);

test('the status has the version of each client, and how long its session outlives its connection', async () => {
  const { broker, client, client5 } = await startBroker(tempFolder());
  await client({ protocol: 'MQIsdp', level: 3, clientId: 'a' });
  await client({ clientId: 'b', clean: false });
  await client5({ clientId: 'c', clean: false, properties: [['sessionExpiry', 90]] });
  const away = await client5({ clientId: 'd', properties: [['sessionExpiry', 0xffffffff]] });
  await away.disconnect();
  expect(broker.sessions).toMatchObject([
    { clientId: 'a', version: '3.1', sessionExpiry: 0 },
    { clientId: 'b', version: '3.1.1', sessionExpiry: null },
    { clientId: 'c', version: '5', sessionExpiry: 90 },
    { clientId: 'd', online: false, version: null, sessionExpiry: null },
  ]);
  expect(broker.counts.versions).toEqual({ '3.1': 1, '3.1.1': 1, '5': 1 });
});

test('the status has the shared subscriptions with their members, and the topic aliases in use', async () => {
  const { broker, client, client5 } = await startBroker(tempFolder());
  const properties: Properties = [
    ['sessionExpiry', 60],
    ['topicAliasMaximum', 10],
  ];
  const one = await client5({ clientId: 'one', properties });
  const two = await client({ clientId: 'two', clean: false });
  await one.subscribe([
    ['$share/group/line/+', 1],
    ['$share/other/line/+', 1],
    ['plain', 0],
  ]);
  await two.subscribe(['$share/group/line/+', 1]);
  const publisher = await client5({ clientId: 'publisher' });
  for (const alias of [1, 2, 3]) {
    const topic = `line/${alias}/with/a/long/name`;
    await publisher.publish(topic, '', { qos: 1, properties: [['topicAlias', alias]] });
  }
  await publisher.publish('plain', '', { qos: 1 });
  await publisher.publish('plain', '', { qos: 1 });
  await one.take('publish');
  const { clients, ...counts } = { clients: broker.sessions, ...broker.counts };
  expect(counts).toMatchObject({
    shares: { groups: 2, members: 3 },
    aliases: { fromClient: 3, toClient: 1 },
  });
  const of = (id: string) => clients.find(({ clientId }) => clientId === id);
  expect(of('one')).toMatchObject({ shares: 2, aliases: { fromClient: 0, toClient: 1 } });
  expect(of('two')).toMatchObject({ shares: 1, aliases: { fromClient: 0, toClient: 0 } });
  expect(of('publisher')).toMatchObject({ shares: 0, aliases: { fromClient: 3, toClient: 0 } });
  const group = { filter: '$share/group/line/+', members: ['one', 'two'] };
  const other = { filter: '$share/other/line/+', members: ['one'] };
  expect(broker.shares).toEqual([
    { ...group, online: 2, away: 0 },
    { ...other, online: 1, away: 0 },
  ]);
  await one.disconnect();
  await expect
    .poll(() => broker.shares)
    .toEqual([
      { ...other, online: 0, away: 1 },
      { ...group, online: 1, away: 1 },
    ]);
});
