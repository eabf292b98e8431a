import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodePublish,
  packetBytes,
  publishSize,
  writePublish,
} from '../../../src/mqtt/publish-encoder.ts';
import * as packets from '../../support/packets.ts';

const topic = fc.string({ minLength: 1, maxLength: 20 });
const payload = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const options = fc.record({
  qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
  retain: fc.boolean(),
  dup: fc.boolean(),
  id: fc.integer({ min: 1, max: 65_535 }),
});

test('encodes a PUBLISH as the standard has it', () => {
  fc.assert(
    fc.property(topic, payload, options, (name, bytes, { qos, retain, dup, id }) => {
      const packet = {
        qos,
        retain,
        dup,
        packetId: qos > 0 ? id : 0,
        topic: Buffer.from(name),
        body: Buffer.concat([Buffer.from('before'), bytes]),
        start: 6,
        properties: undefined,
      };
      const expected = packets.publish(name, bytes, { qos, id, dup, retain });
      expect(encodePublish(packet).equals(expected)).toBe(true);
      expect(publishSize(packet)).toBe(expected.length);
    }),
  );
});

test.each(['into another buffer', 'inside one buffer'])(
  '%s: a PUBLISH gets, keeps or loses its packet identifier',
  (where) => {
    fc.assert(
      fc.property(topic, payload, options, options, (name, bytes, from, to) => {
        // As in a read buffer: topic length, topic, packet identifier at QoS 1 and 2, payload.
        const field = packets.field(name);
        const id = from.qos > 0 ? packets.u16(from.id) : Buffer.alloc(0);
        const source = Buffer.alloc(2000, 0xee);
        Buffer.concat([field, id, bytes]).copy(source, 10);
        const topicEnd = 10 + field.length;
        const payloadStart = topicEnd + id.length;
        const end = payloadStart + bytes.length;
        const packetId = to.qos > 0 ? to.id : 0;
        const target = where === 'inside one buffer' ? source : Buffer.alloc(2000, 0xee);
        const header = 0x30 | (to.qos << 1);
        const remaining = field.length + (packetId > 0 ? 2 : 0) + bytes.length;
        writePublish(
          target,
          1000,
          header,
          remaining,
          source,
          10,
          topicEnd,
          payloadStart,
          end,
          packetId,
        );
        const size = packetBytes(remaining);
        const expected = packets.publish(name, bytes, { qos: to.qos, id: to.id });
        expect(target.subarray(1000, 1000 + size).equals(expected)).toBe(true);
        expect([target[999], target[1000 + size]]).toEqual([0xee, 0xee]);
      }),
    );
  },
);
