import { expect, test } from 'vitest';
import { BufferPool } from '../../../src/broker/clients/buffer-pool.ts';
import { Protocol5 } from '../../../src/broker/clients/protocol-5.ts';
import { SendBuffer } from '../../../src/broker/clients/send-buffer.ts';
import { LARGE_BYTES } from '../../../src/broker/messages/packet-buffer.ts';
import { Publication } from '../../../src/broker/messages/publication.ts';
import { createMessage } from '../../../src/queue/message.ts';
import { startBroker } from '../../support/broker.ts';
import { CONNECTION_LIMITS, sendBufferParts } from '../../support/connection-parts.ts';
import { FakeTransport } from '../../support/fake-transport.ts';
import * as packets5 from '../../support/packets-5.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** No two places of it are alike, and no two of them. */
function text(size: number, number: number): string {
  let all = '';
  for (let at = 0; all.length < size; at++) all += `${number}/${at} `;
  return all.slice(0, size);
}

const SIZES = [LARGE_BYTES, LARGE_BYTES + 1, 65_536, 300_000];
const ROOM = { queue: { bytes: 64 * 1024 ** 2 }, retainedBytes: 64 * 1024 ** 2 };

test('a large payload reaches subscribers of every kind as it was sent, however it was sent', async () => {
  const limits = { ...ROOM, retainedBytesPerClient: 64 * 1024 ** 2 };
  const { client, client5, fatal } = await startBroker(tempFolder(), limits);
  const absent = await client({ clientId: 'absent', clean: false });
  await absent.subscribe(['t/#', 1]);
  absent.destroy();
  const subscribers = await Promise.all(
    [0, 1, 2].flatMap((qos) => [
      client({ clientId: `clean ${qos}` }),
      client({ clientId: `stored ${qos}`, clean: false }),
    ]),
  );
  for (const [index, each] of subscribers.entries()) await each.subscribe(['t/#', index >> 1]);
  const subscriber5 = await client5({ clientId: 'five' });
  await subscriber5.subscribe([['t/#', 1]], [['subscriptionIdentifier', 77]]);

  const publisher = await client({ clientId: 'p' });
  const publisher5 = await client5({ clientId: 'p5' });
  const sent: string[] = [];
  for (const size of SIZES) {
    for (const qos of [0, 1, 2]) {
      const [one, two] = [text(size, sent.length), text(size, sent.length + 1)];
      sent.push(one, two);
      const received = Promise.all([
        ...subscribers.map((each) => each.messages(2)),
        (async () => [await subscriber5.message(), await subscriber5.message()])(),
      ]);
      // What follows a large message in the same bytes is another packet.
      await publisher.publish('t/a', one, { qos, retain: size === 65_536 });
      await publisher5.publish('t/b', two, {
        qos,
        properties:
          qos === 1
            ? []
            : [
                ['messageExpiry', 600],
                ['contentType', 'text'],
              ],
      });
      for (const messages of await received) {
        // At QoS 0 the second may come first: it has another publisher.
        const byTopic = new Map(messages.map((each) => [each.topic, each] as const));
        expect([...byTopic.keys()].sort()).toEqual(['t/a', 't/b']);
        expect(byTopic.get('t/a')?.payload === one).toBe(true);
        expect(byTopic.get('t/b')?.payload === two).toBe(true);
        const last = byTopic.get('t/b')!;
        if (!('properties' in last)) continue;
        expect(last.properties).toContainEqual(['subscriptionIdentifier', 77]);
        if (qos !== 1) expect(last.properties).toContainEqual(['contentType', 'text']);
      }
    }
  }
  const again = await client({ clientId: 'absent', clean: false });
  // QoS 0 is not kept for an absent client.
  const kept = (await again.messages((SIZES.length * 3 - SIZES.length) * 2)).map((m) => m.payload);
  expect(kept).toHaveLength(16);
  for (const payload of kept) expect(sent).toContain(payload);
  const late = await client({ clientId: 'late' });
  await late.subscribe(['t/#', 1]);
  expect(sent).toContain((await late.message()).payload);
  expect(fatal).toEqual([]);
});

test('a large payload is not copied for a subscriber; it follows its header in one call', () => {
  const transport = new FakeTransport({ fast: false });
  const both: (readonly [Buffer, Buffer])[] = [];
  const parts = sendBufferParts();
  const output = new SendBuffer(
    Object.assign(transport, {
      writeBoth: (first: Buffer, second: Buffer) => void both.push([first, second]),
    }),
    parts,
  );
  const { body, topicEnd } = createMessage('t', Buffer.alloc(LARGE_BYTES + 1, 'x'));
  output.publish(0x32, body, 0, topicEnd, topicEnd, body.length, 7);
  expect(both).toHaveLength(1);
  const [[first, second]] = both as [readonly [Buffer, Buffer]];
  expect(first.toString('hex')).toBe('3286800300017400' + '07');
  expect(second.buffer).toBe(body.buffer);
  expect(second.length).toBe(LARGE_BYTES + 1);
  expect(parts.traffic.bytesSent).toBe(first.length + second.length);
});

test('of MQTT 5 neither; the time that is left of a message that expires is in its header', () => {
  const transport = new FakeTransport({ fast: false });
  const output = new SendBuffer(transport, sendBufferParts());
  const protocol = new Protocol5(output, { limits: CONNECTION_LIMITS, storedNow: () => 4000 });
  const properties = Buffer.from('0502000000ff', 'hex');
  const { body, topicEnd, payloadStart } = createMessage(
    't',
    Buffer.alloc(50_000, 'x'),
    properties,
  );
  const publish = [0x32, body, 0, topicEnd, topicEnd, payloadStart, body.length] as const;
  expect(protocol.publish(...publish, 7, 14_000, [])).toBe(true);
  const [head, payload] = transport.written;
  expect(payload!.buffer).toBe(body.buffer);
  const { properties: sent, payload: text } = packets5.parse(Buffer.concat([head!, payload!]));
  expect(sent).toEqual([['messageExpiry', 10]]);
  expect(text).toHaveLength(50_000);
});

test.each([
  ['MQTT 3.1.1', 0, ''],
  ['MQTT 3.1.1', 1, ''],
  ['MQTT 5', 0, '00'],
  ['MQTT 5', 1, '00'],
  ['MQTT 5 with properties', 1, '03080001'],
])('%s at QoS %i: what is kept in place is what is kept as a copy', (_version, qos, hex) => {
  const topic = Buffer.from('0003742f78', 'hex');
  const id = Buffer.from(qos === 0 ? '' : 'abcd', 'hex');
  const payload = Buffer.from('payload');
  const source = Buffer.concat([Buffer.from('3000'), topic, id, Buffer.from(hex, 'hex'), payload]);
  const topicEnd = 4 + topic.length;
  const propertiesStart = topicEnd + id.length;
  const make = () => {
    const payloadStart = propertiesStart + hex.length / 2;
    const made = new Publication().at(source, 4, topicEnd, payloadStart, source.length, 1, false);
    made.propertiesStart = propertiesStart;
    return made;
  };
  const { body, topicEnd: end, payloadStart } = make().keep();
  for (const isOwn of [false, true]) {
    const publication = make();
    publication.makeLast(isOwn);
    expect(publication.source === source).toBe(isOwn);
    const kept = publication.keep();
    expect(kept).toMatchObject({ topicEnd: end, payloadStart });
    expect(kept.body.toString('hex')).toBe(body.toString('hex'));
    // Subscribers after the one that has kept it get the same.
    const { topicStart, topicEnd: ends, payloadStart: starts } = publication;
    expect(publication.source.subarray(topicStart, ends)).toEqual(topic);
    expect(publication.source.subarray(starts, publication.end)).toEqual(payload);
    const block = publication.source.subarray(publication.propertiesStart, starts);
    expect(block.toString('hex')).toBe(hex === '00' ? '' : hex);
  }
});

test('the pool is not used for a large payload', () => {
  const pool = new BufferPool();
  const output = new SendBuffer(new FakeTransport(), sendBufferParts({ pool }));
  const { body, topicEnd } = createMessage('t', Buffer.alloc(LARGE_BYTES + 1));
  output.publish(0x30, body, 0, topicEnd, topicEnd, body.length, 0);
  const free = new Set<number>();
  for (let slot = pool.takeSlot(); slot >= 0; slot = pool.takeSlot()) free.add(slot);
  expect(free.size).toBe(128);
});
