import { expect, test } from 'vitest';
import { startBroker } from '../../../support/broker.ts';
import * as packets from '../../../support/packets.ts';
import { RawClient } from '../../../support/raw-client.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const V31 = { protocol: 'MQIsdp', level: 3, clientId: 'old' };

/** The packet with another first byte. */
const beginning = (first: number, packet: Buffer): Buffer =>
  Buffer.concat([Buffer.from([first]), packet.subarray(1)]);

test.each([
  ['the reserved bit', { ...V31, flags: 0x03 }],
  ['a will QoS and will retain without a will', { ...V31, flags: 0x02 | 0x38 }],
  ['a user name and a password that are missing', { ...V31, flags: 0xc2 }],
  ['a password that is missing', { ...V31, flags: 0xc2, trailing: packets.field('user') }],
  ['DUP, QoS and RETAIN in its first byte', { ...V31, firstByte: 0x1b }],
])('an MQTT 3.1 client whose CONNECT has %s is let in', async (_name, options) => {
  const { client } = await startBroker(tempFolder());
  const old = await client(options);
  await old.quiet();
});

test('an MQTT 3.1 client may set the bits that MQTT 3.1 does not use', async () => {
  const { client } = await startBroker(tempFolder());
  const old = await client({ ...V31, firstByte: 0x1f });
  old.send(beginning(0x8b, packets.subscribe(1, [['t', 0xfd]])));
  expect(await old.next('suback')).toMatchObject({ codes: [1] });
  old.send(beginning(0x38, packets.publish('t', 'at most once')));
  expect((await old.message()).payload).toBe('at most once');
  old.send(packets.publish('t', 'once', { qos: 2, id: 5 }));
  await old.take('pubrec');
  const message = await old.next('publish');
  old.send(beginning(0x4f, packets.puback(message.id)), beginning(0x6b, packets.pubrel(5)));
  await old.next('pubcomp');
  old.send(beginning(0xab, packets.unsubscribe(2, ['t'])));
  await old.next('unsuback');
  old.send(Buffer.from([0xcf, 0]));
  await old.next('pingresp');
  old.send(Buffer.from([0xef, 0]));
  await old.gone();
});

test.each([
  [
    'a will of QoS 3',
    packets.connect({ ...V31, flags: 0x02 | 0x1c, trailing: packets.field('t') }),
  ],
  ['a password without a user name', packets.connect({ ...V31, flags: 0x42 })],
])('an MQTT 3.1 client with %s is not let in', async (_name, connect) => {
  const { port } = await startBroker(tempFolder());
  const client = await RawClient.open('tcp', port);
  client.send(connect);
  await client.closed();
});

test('an MQTT 3.1 client that asks for QoS 3 is closed', async () => {
  const { client } = await startBroker(tempFolder());
  const old = await client(V31);
  old.send(packets.subscribe(1, [['t', 3]]));
  await old.closed();
});

test.each([
  ['a CONNECT with flags', packets.connect({ firstByte: 0x12 })],
  ['a CONNECT with the reserved bit', packets.connect({ flags: 0x03 })],
])('an MQTT 3.1.1 client may not: %s', async (_name, connect) => {
  const { port } = await startBroker(tempFolder());
  const client = await RawClient.open('tcp', port);
  client.send(connect);
  await client.closed();
});
