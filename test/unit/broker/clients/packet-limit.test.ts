import { describe, expect, test } from 'vitest';
import { packetLimit } from '../../../../src/mqtt/packet-limit.ts';
import { startBroker } from '../../../support/broker.ts';
import * as p from '../../../support/packets.ts';
import * as p5 from '../../../support/packets-5.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const MEBIBYTE = 1024 * 1024;
const PAYLOAD = Buffer.alloc(MEBIBYTE, 0x41);
const LONGEST_TOPIC = 't'.repeat(65_535);
/** Queues that take the message: the limit of the packet is what is tested. */
const LIMITS = { packet: MEBIBYTE, queue: { bytes: 4 * MEBIBYTE } };
const started = (protocol: 'tcp' | 'ws') =>
  startBroker(tempFolder(), LIMITS, {}, protocol, undefined, [3, 4, 5]);

describe.each(['tcp', 'ws'] as const)('over %s, with broker.limits.packet 1 MiB,', (protocol) => {
  test.each([
    ['3.1.1', 't', 1],
    ['3.1.1', LONGEST_TOPIC, 0],
    ['3.1.1', LONGEST_TOPIC, 2],
  ] as const)('a client of MQTT %s publishes exactly 1 MiB (case %#)', async (_, topic, qos) => {
    const client = await (await started(protocol)).client({ clientId: 'camera' });
    await client.publish(topic, PAYLOAD, { qos });
    await client.quiet();
  });

  test.each(['t', LONGEST_TOPIC])('a client of MQTT 5 does, with properties', async (topic) => {
    const client = await (await started(protocol)).client5({ clientId: 'camera' });
    const properties: p5.Properties = [['userProperty', ['key', 'x'.repeat(900)]]];
    client.send(p5.publish(topic, PAYLOAD, { qos: 1, id: 1, properties }));
    expect(await client.next('puback')).toMatchObject({ id: 1 });
  });

  test('one byte more of MQTT 3.1.1 is refused at the beginning of the packet', async () => {
    const broker = await started(protocol);
    const client = await broker.client({ clientId: 'camera' });
    const whole = p.publish('t', Buffer.alloc(MEBIBYTE + 1), { qos: 1, id: 1 });
    client.send(whole.subarray(0, 5));
    client.send(whole.subarray(5, 100));
    await client.closed();
    expect(JSON.stringify(broker.records)).toContain(
      'a payload of 1048577 bytes is too large, the largest has 1048576',
    );
  });

  test('one byte more of MQTT 5 is refused too, however long its properties are', async () => {
    const broker = await started(protocol);
    const client = await broker.client5({ clientId: 'camera' });
    const properties: p5.Properties = [['userProperty', ['key', 'x'.repeat(200)]]];
    const whole = p5.publish('t', Buffer.alloc(MEBIBYTE + 1), { qos: 1, id: 1, properties });
    client.send(whole.subarray(0, 8));
    client.send(whole.subarray(8, 100));
    await client.ended(0x95);
    expect(JSON.stringify(broker.records)).toContain('a payload of 1048577 bytes is too large');
  });

  test('a packet that is no PUBLISH has the same room', async () => {
    const broker = await started(protocol);
    const client = await broker.client({ clientId: 'camera' });
    client.send(p.frame(0x82, Buffer.alloc(packetLimit(MEBIBYTE))).subarray(0, 100));
    await client.closed();
    expect(JSON.stringify(broker.records)).toContain(`the largest has ${packetLimit(MEBIBYTE)}`);
  });
});
