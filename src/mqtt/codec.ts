import { decodeFilter, decodePacketId, Fields } from './fields.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

/** MQTT control packet types [MQTT 3.1.1 and 5, table 2.1]. */
export const CONNECT = 1;
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBSCRIBE = 8;
export const SUBACK = 9;
export const UNSUBSCRIBE = 10;
export const UNSUBACK = 11;
export const PINGREQ = 12;
export const DISCONNECT = 14;
export const AUTH = 15;

/** First bytes of packets; those of PUBLISH are without its flags. */
export const CONNACK_HEADER = 0x20;
export const PUBLISH_HEADER = 0x30;
export const PUBACK_HEADER = 0x40;
export const PUBREC_HEADER = 0x50;
export const PUBREL_HEADER = 0x62;
export const PUBCOMP_HEADER = 0x70;
export const SUBACK_HEADER = 0x90;
export const UNSUBACK_HEADER = 0xb0;

/** Flags of a PUBLISH in its first byte; the QoS is in bits 1 and 2. */
export const DUP = 8;
export const RETAIN = 1;

/** CONNACK return codes [MQTT 3.1.1, table 3.1]. */
export const IDENTIFIER_REJECTED = 2;
export const SERVER_UNAVAILABLE = 3;

/** SUBACK's return code for a filter that was refused [MQTT 3.1.1, section 3.9.3]. */
export const SUBACK_FAILURE = 0x80;

export type Qos = 0 | 1 | 2;

/** How one subscription of MQTT 5 differs from one of MQTT 3.1.1 [MQTT 5, section 3.8.3.1]. */
export interface SubscriptionOptions {
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Whether retained messages are sent: 0 always, 1 for a new subscription, 2 never. */
  readonly retainHandling: 0 | 1 | 2;
  /** 0 for none. */
  readonly identifier: number;
}

/** A topic filter, and the QoS that its subscriber asks for. */
export interface SubscribeRequest {
  readonly filter: string;
  readonly qos: Qos;
  /** Undefined before MQTT 5. */
  readonly options?: SubscriptionOptions | undefined;
}

/** Its requests are decoded one by one where they are read, which throws ProtocolError: a packet may have many. */
export interface SubscribePacket {
  readonly packetId: number;
  readonly requests: Iterable<SubscribeRequest>;
  /** Bytes that the packet takes. */
  readonly bytes: number;
}

/** Its filters are decoded as those of SUBSCRIBE. */
export interface UnsubscribePacket {
  readonly packetId: number;
  readonly filters: Iterable<string>;
  readonly bytes: number;
}

/** `allowsUnusedBits` for MQTT 3.1, where only two bits of the requested QoS are used. */
export function decodeSubscribe(
  source: Buffer,
  start: number,
  end: number,
  allowsUnusedBits = false,
): SubscribePacket {
  const packetId = decodePacketId(new Fields(source, start, end));
  // A copy, which is read later, when the read buffer has other bytes.
  const body = Buffer.from(source.subarray(start + 2, end));
  const requests = { [Symbol.iterator]: () => readRequests(body, allowsUnusedBits ? 3 : 0xff) };
  return { packetId, requests, bytes: body.length };
}

function* readRequests(body: Buffer, qosBits: number): Generator<SubscribeRequest> {
  const fields = new Fields(body, 0, body.length);
  do {
    const filter = decodeFilter(fields);
    const qos = fields.byte() & qosBits;
    if (qos > 2) throw new ProtocolError('SUBSCRIBE asks for a QoS above 2');
    yield { filter, qos: qos as Qos };
  } while (!fields.done);
}

/** The topic filters of an UNSUBSCRIBE. */
export function* readFilters(body: Buffer): Generator<string> {
  const fields = new Fields(body, 0, body.length);
  do yield decodeFilter(fields);
  while (!fields.done);
}

export function decodeUnsubscribe(source: Buffer, start: number, end: number): UnsubscribePacket {
  const packetId = decodePacketId(new Fields(source, start, end));
  const body = Buffer.from(source.subarray(start + 2, end));
  const filters = { [Symbol.iterator]: () => readFilters(body) };
  return { packetId, filters, bytes: body.length };
}

/** Receives the offsets of a PUBLISH in its packet; implemented by `Publication.at` of the broker. */
export interface PublishPlaces {
  /** The topic's length and name are at [topicStart, topicEnd), the payload at [payloadStart, end). */
  at(
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    payloadStart: number,
    end: number,
    qos: Qos,
    retain: boolean,
  ): unknown;
}

/** Reads a PUBLISH without copying it and without checking its topic; returns the packet identifier, 0 at QoS 0. */
export function decodePublish(
  header: number,
  source: Buffer,
  start: number,
  end: number,
  places: PublishPlaces,
): number {
  const qos = (header >> 1) & 3;
  if (qos === 3) throw new MalformedPacket('PUBLISH with QoS 3');
  if (qos === 0 && header & DUP) throw new ProtocolError('PUBLISH with DUP at QoS 0');
  const topicEnd = start + 2 + ((source[start]! << 8) | source[start + 1]!);
  const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
  if (end - start < 2 || payloadStart > end) throw new MalformedPacket('PUBLISH ends too early');
  let packetId = 0;
  if (qos > 0) {
    packetId = (source[topicEnd]! << 8) | source[topicEnd + 1]!;
    if (packetId === 0) throw new ProtocolError('packet identifier 0');
  }
  places.at(source, start, topicEnd, payloadStart, end, qos as Qos, (header & RETAIN) !== 0);
  return packetId;
}

/** The packet identifier of PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function decodeAcknowledged(source: Buffer, start: number, end: number): number {
  if (end - start !== 2) throw new MalformedPacket('an acknowledgement of the wrong length');
  const packetId = (source[start]! << 8) | source[start + 1]!;
  if (packetId === 0) throw new ProtocolError('packet identifier 0');
  return packetId;
}

export function encodeConnack(sessionPresent: boolean, returnCode: number): Buffer {
  return Buffer.from([CONNACK_HEADER, 2, sessionPresent ? 1 : 0, returnCode]);
}

export function encodeSuback(packetId: number, codes: readonly number[]): Buffer {
  const body = Buffer.allocUnsafe(2 + codes.length);
  body.writeUInt16BE(packetId);
  body.set(codes, 2);
  return encodePacket(SUBACK_HEADER, body);
}

/** A packet from its first byte and the bytes after the remaining length. */
export function encodePacket(header: number, body: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(1 + variableIntBytes(body.length) + body.length);
  packet[0] = header;
  packet.set(body, writeVariableInt(packet, 1, body.length));
  return packet;
}
