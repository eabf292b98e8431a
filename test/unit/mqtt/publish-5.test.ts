import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProtocolError } from '../../../src/mqtt/protocol-error.ts';
import {
  decodePublish5,
  type PublishPlaces5,
  remainingLength5,
  writePublish5,
} from '../../../src/mqtt/publish-5.ts';
import { packetBytes } from '../../../src/mqtt/publish-encoder.ts';
import { PublishProperties } from '../../../src/mqtt/publish-properties.ts';

/** The codec that mqtt.js uses, as an independent reference. */
const reference = createRequire(import.meta.url)('mqtt-packet') as {
  generate(packet: object, options: object): Buffer;
  parser(options: object): {
    on(event: string, heard: (packet: object) => void): void;
    parse(bytes: Buffer): number;
  };
};
const VERSION = { protocolVersion: 5 };

interface ReferencePacket {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly messageId?: number;
  readonly properties?: Record<string, unknown>;
}

function read(bytes: Buffer): ReferencePacket {
  const packets: object[] = [];
  const parser = reference.parser(VERSION);
  parser.on('packet', (packet) => packets.push(packet));
  parser.on('error', (error) => {
    throw error;
  });
  expect(parser.parse(bytes)).toBe(0);
  expect(packets).toHaveLength(1);
  return packets[0] as ReferencePacket;
}

class Places implements PublishPlaces5 {
  propertiesStart = 0;
  topicStart = 0;
  topicEnd = 0;
  payloadStart = 0;
  end = 0;
  at(_source: Buffer, topicStart: number, topicEnd: number, payloadStart: number, end: number) {
    Object.assign(this, { topicStart, topicEnd, payloadStart, end });
  }
}

function bodyOf(bytes: Buffer): number {
  let at = 1;
  while (bytes[at]! & 0x80) at++;
  return at + 1;
}

function decode(packet: Buffer) {
  const [places, properties] = [new Places(), new PublishProperties()];
  const body = bodyOf(packet);
  const id = decodePublish5(packet[0]!, packet, body, packet.length, places, properties);
  return { id, places, properties };
}

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((each) => !each.includes('\0'));
const topicName = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((each) => !/[+#\0]/.test(each));
const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const messageProperties = fc.record({
  messageExpiryInterval: optional(fc.nat(2 ** 32 - 1)),
  contentType: optional(text),
  responseTopic: optional(topicName),
  correlationData: optional(bytes),
  userProperties: optional(
    fc.dictionary(
      text.filter((each) => each !== '__proto__'),
      text,
      { maxKeys: 3 },
    ),
  ),
});
const published = fc.record({
  topic: topicName,
  payload: bytes,
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  properties: messageProperties,
  topicAlias: optional(fc.integer({ min: 1, max: 65_535 })),
});

/** Only what is there. */
function present(properties: Record<string, unknown>): Record<string, unknown> {
  const isThere = (value: unknown): boolean => {
    if (value === undefined) return false;
    if (typeof value !== 'object' || Buffer.isBuffer(value)) return true;
    return Object.keys(value ?? {}).length > 0;
  };
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => isThere(value)));
}

interface Published {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: number;
  readonly retain: boolean;
  readonly messageId: number;
  readonly properties: Record<string, unknown>;
  readonly topicAlias?: number | undefined;
}

function generate({ properties, topicAlias, ...rest }: Published) {
  return reference.generate(
    { cmd: 'publish', dup: false, ...rest, properties: present({ ...properties, topicAlias }) },
    VERSION,
  );
}

test('reads every PUBLISH that the other codec writes, and writes it for another client as that reads it', () => {
  const added = fc.record({
    alias: fc.nat(65_535),
    identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
    left: fc.nat(2 ** 32 - 1),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    knows: fc.boolean(),
    qos: fc.constantFrom(0, 1, 2),
  });
  fc.assert(
    fc.property(published, added, (packet, to) => {
      const source = generate(packet);
      const { id, places, properties } = decode(source);
      expect(id).toBe(packet.qos > 0 ? packet.messageId : 0);
      expect(properties.alias).toBe(packet.topicAlias ?? 0);
      expect(properties.expiry).toBe(packet.properties.messageExpiryInterval);
      // As the broker keeps it: topic, properties, payload.
      const topic = source.subarray(places.topicStart, places.topicEnd);
      const block = Buffer.alloc(properties.storedBytes);
      expect(properties.writeStored(block, 0)).toBe(block.length);
      const body = Buffer.concat([topic, block, source.subarray(places.payloadStart)]);
      const payloadStart = topic.length + block.length;

      const isAliasKnown = to.alias > 0 && to.knows;
      const expiry = properties.expiry === undefined ? undefined : to.left;
      const more = { alias: to.alias, isAliasKnown, expiry, identifiers: to.identifiers };
      const out = to.qos > 0 ? to.messageId : 0;
      const remaining = remainingLength5(
        ...([body, topic.length, topic.length, payloadStart, body.length, out, more] as const),
      );
      const target = Buffer.alloc(packetBytes(remaining) + 2, 0xee);
      const header = 0x30 | (to.qos << 1) | (packet.retain ? 1 : 0);
      writePublish5(
        ...([target, 1, header, remaining, body, 0, topic.length, topic.length] as const),
        ...([payloadStart, body.length, out, more] as const),
      );
      expect([target[0], target.at(-1)]).toEqual([0xee, 0xee]);
      const sent = read(target.subarray(1, -1));
      expect(sent.topic).toBe(isAliasKnown ? '' : packet.topic);
      expect(sent.payload.equals(packet.payload)).toBe(true);
      expect(sent).toMatchObject({ qos: to.qos, retain: packet.retain });
      if (to.qos > 0) expect(sent.messageId).toBe(to.messageId);
      const { identifiers } = to;
      expect(JSON.parse(JSON.stringify(sent.properties ?? {}))).toEqual(
        JSON.parse(
          JSON.stringify(
            present({
              ...packet.properties,
              messageExpiryInterval: expiry,
              topicAlias: to.alias || undefined,
              subscriptionIdentifier: identifiers.length === 1 ? identifiers[0] : identifiers,
            }),
          ),
        ),
      );
    }),
    { numRuns: 500 },
  );
});

test('a PUBLISH whose properties can be kept as they are says so', () => {
  const plain = { topic: 't', payload: Buffer.from('x'), qos: 0, retain: false, messageId: 1 };
  const formOf = (properties: object, topicAlias?: number): boolean =>
    decode(generate({ ...plain, properties: { ...properties }, topicAlias })).properties
      .isStoredForm;
  expect(formOf({})).toBe(true);
  expect(formOf({ messageExpiryInterval: 5, contentType: 'a' })).toBe(true);
  expect(formOf({ userProperties: { a: 'b' } })).toBe(true);
  expect(formOf({}, 3)).toBe(false);
  const late = Buffer.from('300d000174090300016102' + '00000009', 'hex');
  const { properties } = decode(late);
  expect(properties.isStoredForm).toBe(false);
});

const HEAD = '000174';

test.each([
  ['QoS 3', 0x36, `${HEAD}000100`, 0x81],
  ['DUP at QoS 0', 0x38, `${HEAD}00`, 0x81],
  ['a topic beyond its end', 0x30, '000474', 0x81],
  ['no packet identifier', 0x32, `${HEAD}00`, 0x81],
  ['packet identifier 0', 0x32, `${HEAD}000000`, 0x82],
  ['no length of the properties', 0x30, HEAD, 0x81],
  ['no length of the properties at QoS 1', 0x32, `${HEAD}0001`, 0x81],
  ['properties beyond its end', 0x30, `${HEAD}05`, 0x81],
  ['a length without an end', 0x30, `${HEAD}ffffff`, 0x81],
  ['a length of five bytes', 0x30, `${HEAD}ffffffff01`, 0x81],
  ['a length in more bytes than it needs', 0x30, `${HEAD}8000`, 0x81],
  ['an unknown property', 0x30, `${HEAD}027f00`, 0x81],
  ['a property of another packet', 0x30, `${HEAD}03210001`, 0x81],
  ['a will delay', 0x30, `${HEAD}051800000001`, 0x81],
  ['a subscription identifier', 0x30, `${HEAD}020b01`, 0x82],
  ['a subscription identifier of four bytes', 0x30, `${HEAD}050bffffff7f`, 0x82],
  ['a subscription identifier in more bytes than it needs', 0x30, `${HEAD}030b8000`, 0x81],
  ['a subscription identifier of five bytes', 0x30, `${HEAD}060b8080808001`, 0x81],
  ['a cut subscription identifier', 0x30, `${HEAD}020b80ffff`, 0x81],
  ['no bytes of a subscription identifier', 0x30, `${HEAD}010b01`, 0x81],
  ['topic alias 0', 0x30, `${HEAD}03230000`, 0x94],
  ['two topic aliases', 0x30, `${HEAD}06230001230001`, 0x82],
  ['two expiries', 0x30, `${HEAD}0a02000000010200000001`, 0x82],
  ['two content types', 0x30, `${HEAD}06030000030000`, 0x82],
  ['a cut expiry', 0x30, `${HEAD}0402000000ffff`, 0x81],
  ['a cut alias', 0x30, `${HEAD}022300ffff`, 0x81],
  ['a cut payload format', 0x30, `${HEAD}0101ff`, 0x81],
  ['a text beyond the properties', 0x30, `${HEAD}0403000561616161616161`, 0x81],
  ['a cut length of a text', 0x30, `${HEAD}02030000`, 0x81],
  ['binary data beyond the properties', 0x30, `${HEAD}040900056161616161`, 0x81],
  ['a user property without a value', 0x30, `${HEAD}0426000161`, 0x81],
  ['payload format 2', 0x30, `${HEAD}020102`, 0x82],
  ['a payload that is said to be text', 0x30, `${HEAD}020101ff`, 0x99],
  ['a response topic with a wildcard', 0x30, `${HEAD}060800036123`.concat('61'), 0x82],
  ['an empty response topic', 0x30, `${HEAD}03080000`, 0x82],
  ['U+0000 in a user property', 0x30, `${HEAD}0626000100`.concat('0000'), 0x81],
  ['a content type that is not UTF-8', 0x30, `${HEAD}04030001ff`, 0x81],
  ['a surrogate in a user property', 0x30, `${HEAD}0826000000`.concat('03eda080'), 0x81],
])('a PUBLISH with %s is refused', (_name, header, hex, code) => {
  const source = Buffer.from(hex, 'hex');
  const [places, properties] = [new Places(), new PublishProperties()];
  let refused: unknown;
  try {
    decodePublish5(header, source, 0, source.length, places, properties);
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(ProtocolError);
  expect((refused as ProtocolError).reasonCode, String(refused)).toBe(code);
});

test('any bytes are read or refused as a PUBLISH, never more than there are', () => {
  const junk = fc.uint8Array({ maxLength: 60 });
  const header = fc.integer({ min: 0x30, max: 0x3f });
  const attempt = (first: number, source: Buffer, start: number, end: number): unknown => {
    const [places, properties] = [new Places(), new PublishProperties()];
    try {
      const id = decodePublish5(first, source, start, end, places, properties);
      const stored = Buffer.alloc(properties.storedBytes);
      properties.writeStored(stored, 0);
      return [id, places.topicEnd - start, places.payloadStart - start, stored.toString('hex')];
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError);
      return (error as Error).message;
    }
  };
  fc.assert(
    fc.property(header, junk, junk, junk, (first, before, body, behind) => {
      const source = Buffer.concat([before, body, behind]);
      const alone = attempt(first, Buffer.from(body), 0, body.length);
      const inside = attempt(first, source, before.length, before.length + body.length);
      expect(inside).toEqual(alone);
    }),
    { numRuns: 2000 },
  );
});
