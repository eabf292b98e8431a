import { describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { packetLimit } from '../../../src/mqtt/packet-limit.ts';
import { startAccessBroker } from '../../support/access-broker.ts';
import { type SomeLimits, startBroker } from '../../support/broker.ts';
import * as p from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const password = await hashPassword('hmi-secret');

/** Beside those of sessions.test.ts (0x8B, 0x8D, 0x8E, 0x98) and messages.test.ts (0x93, 0x94, 0x99). */
describe.each(['tcp', 'ws'] as const)('over %s the server says why it closes:', (transport) => {
  const start = (limits: SomeLimits = {}) =>
    startBroker(tempFolder(), limits, {}, transport, undefined, [3, 4, 5]);

  test('[MQTT-3.2.2-15] T12 0x95, a packet is larger than the server takes', async () => {
    const broker = await start({ packet: 1000 });
    const client = await broker.client5();
    expect(p.valueIn(client.connack, 'maximumPacketSize')).toBe(packetLimit(1000));
    client.send(p.publish('t', Buffer.alloc(1000)));
    await client.quiet();
    client.send(p.publish('t', Buffer.alloc(1001)));
    const end = await client.ended(0x95);
    expect(p.valueIn(end, 'reasonString')).toContain('1001 bytes');
  });

  test('0x97, unfinished packets of all clients need too much memory', async () => {
    const broker = await start({ unfinishedMemory: 10_000 });
    const client = await broker.client5();
    const large = p.publish('t', Buffer.alloc(60_000));
    // SUBACK shows that the gateway has the first half: the limit is checked when more comes.
    client.send(p.subscribe(1, [['t', 0]]), large.subarray(0, 20_000));
    await client.next('suback');
    client.send(large.subarray(20_000, 50_000));
    const end = await client.ended(0x97);
    expect(p.valueIn(end, 'reasonString')).toContain('too many packets unfinished');
    await (await broker.client5()).quiet();
  });

  test('0x97, it has the most messages of QoS 2 that are not released', async () => {
    const broker = await start({ unreleased: 5 });
    const client = await broker.client5();
    const other = await broker.client5();
    for (let id = 1; id <= 6; id++) client.send(p.publish('t', `${id}`, { qos: 2, id }));
    for (let id = 1; id <= 6; id++) expect((await client.next('pubrec')).id).toBe(id);
    const end = await client.ended(0x97);
    expect(p.valueIn(end, 'reasonString')).toContain('most unreleased');
    await other.quiet();
  });

  test('0x87, the access file no longer has its user', async () => {
    const users = (...names: string[]) =>
      `users:\n${names.map((name) => `  - { name: ${name}, password: ${password} }\n`).join('')}`;
    const broker = await startAccessBroker(users('hmi', 'plc'));
    const [hmi, plc] = [await broker.open(transport), await broker.open(transport)];
    await hmi.connect({ username: 'hmi', password: 'hmi-secret' });
    await plc.connect({ username: 'plc', password: 'hmi-secret' });
    broker.put(users('plc'));
    const end = await hmi.ended(0x87);
    expect(p.valueIn(end, 'reasonString')).toBe('no longer admitted by the access file');
    await plc.quiet();
  });

  test('[MQTT-4.13.1-1] 0x81 a packet can not be read, 0x82 a packet is not allowed', async () => {
    const broker = await start();
    const malformed = await broker.client5();
    malformed.send(Buffer.from([0x36, 3, 0, 1, 0x61]));
    await malformed.ended(0x81);
    const forbidden = await broker.client5();
    forbidden.send(p.connect());
    await forbidden.ended(0x82);
  });
});
