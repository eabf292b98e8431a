import { isUtf8 } from 'node:buffer';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

/** MQTT control packet types [MQTT 3.1.1, table 2.1]. */
export const CONNECT = 1;
export const PUBLISH = 3;
export const PUBACK = 4;
export const PUBREC = 5;
export const PUBREL = 6;
export const PUBCOMP = 7;
export const SUBSCRIBE = 8;
export const UNSUBSCRIBE = 10;
export const PINGREQ = 12;
export const DISCONNECT = 14;

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
export const UNACCEPTABLE_PROTOCOL = 1;
export const IDENTIFIER_REJECTED = 2;
export const SERVER_UNAVAILABLE = 3;

/** SUBACK's return code for a filter that was refused [MQTT 3.1.1, section 3.9.3]. */
export const SUBACK_FAILURE = 0x80;

/** The bit of the protocol level by which Mosquitto's bridges make themselves known. */
const BRIDGE = 0x80;

export type Qos = 0 | 1 | 2;

/** A packet that the standard forbids: the connection must be closed [MQTT-4.8.0-1]. */
export class ProtocolError extends Error {
  /** The return code of the CONNACK, if the standard requires one before the close. */
  readonly returnCode: number | undefined;

  constructor(message: string, returnCode?: number) {
    super(message);
    this.returnCode = returnCode;
  }
}

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

export interface ConnectPacket {
  readonly protocolName: 'MQTT' | 'MQIsdp';
  /** It is a bridge of Mosquitto, which says so by a bit of the protocol level. */
  readonly bridge: boolean;
  readonly clean: boolean;
  /** Seconds; 0 for none. */
  readonly keepalive: number;
  readonly clientId: string;
  readonly will: Will | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
}

/** A topic filter, and the QoS that its subscriber asks for. */
export interface SubscribeRequest {
  readonly filter: string;
  readonly qos: Qos;
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

/** Reads the fields of one packet in order, never beyond the packet's end. */
class Fields {
  readonly #source: Buffer;
  #at: number;
  readonly #end: number;

  constructor(source: Buffer, start: number, end: number) {
    this.#source = source;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new ProtocolError('the packet ends too early');
    return this.#source[this.#at++]!;
  }

  word(): number {
    return (this.byte() << 8) | this.byte();
  }

  /** A copy, so that a kept field does not keep the whole read buffer. */
  binary(): Buffer {
    const length = this.word();
    const start = this.#at;
    if (start + length > this.#end) throw new ProtocolError('a field reaches over the packet');
    this.#at += length;
    return Buffer.from(this.#source.subarray(start, start + length));
  }

  text(): string {
    return decodeText(this.binary());
  }
}

/** [MQTT-1.5.3-1, MQTT-1.5.3-2]: well-formed UTF-8 without U+0000. */
function decodeText(bytes: Buffer): string {
  if (bytes.includes(0)) throw new ProtocolError('a string holds U+0000');
  if (!isUtf8(bytes)) throw new ProtocolError('a string is not UTF-8');
  return bytes.toString('utf8');
}

/** A `+` or `#` that is not alone in its level, or a `#` that is not in the last one [MQTT-4.7.1-2] [MQTT-4.7.1-3]. */
const MISPLACED_WILDCARD = /[^/][+#]|\+[^/]|#./s;

/** The topic name in these bytes [MQTT-4.7.3, MQTT-3.3.2-2]. */
export function decodeTopic(bytes: Buffer): string {
  const topic = decodeText(bytes);
  if (topic === '') throw new ProtocolError('the topic is empty');
  if (topic.includes('#') || topic.includes('+')) {
    throw new ProtocolError('the topic holds a wildcard');
  }
  return topic;
}

function decodeFilter(fields: Fields): string {
  const filter = fields.text();
  if (filter === '') throw new ProtocolError('the topic filter is empty');
  if (MISPLACED_WILDCARD.test(filter)) {
    throw new ProtocolError('the topic filter has a wildcard in the wrong place');
  }
  return filter;
}

function decodePacketId(fields: Fields): number {
  const packetId = fields.word();
  if (packetId === 0) throw new ProtocolError('packet identifier 0');
  return packetId;
}

/** A sentence for the log: what the client speaks, and what to set in it. */
function wrongVersion(protocolName: string, level: number): string {
  const is5 = protocolName === 'MQTT' && (level & ~BRIDGE) === 5;
  const spoken = is5 ? 'MQTT 5' : `${protocolName} with level ${level & ~BRIDGE}`;
  const bridge = level & BRIDGE ? ' as a bridge' : '';
  return `it speaks ${spoken}${bridge}, and this listener takes 3.1 and 3.1.1: set its protocol version to 3.1.1 (level 4)`;
}

/** [MQTT 3.1.1, section 3.1]. Throws with a return code where the standard asks for a CONNACK. */
export function decodeConnect(source: Buffer, start: number, end: number): ConnectPacket {
  const fields = new Fields(source, start, end);
  const protocolName = fields.text();
  if (protocolName !== 'MQTT' && protocolName !== 'MQIsdp') {
    throw new ProtocolError('not an MQTT CONNECT');
  }
  const level = fields.byte();
  if ((level & ~BRIDGE) !== (protocolName === 'MQTT' ? 4 : 3)) {
    throw new ProtocolError(wrongVersion(protocolName, level), UNACCEPTABLE_PROTOCOL);
  }
  // MQTT 3.1 does not use the reserved flag, nor the will's flags without a will.
  const old = protocolName === 'MQIsdp';
  const sent = fields.byte();
  const flags = old ? sent & (sent & 0x04 ? 0xfe : 0xc2) : sent;
  const keepalive = fields.word();
  const hasWill = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 3;
  if (flags & 0x01) throw new ProtocolError('the reserved CONNECT flag is set');
  if (willQos === 3) throw new ProtocolError('will QoS 3');
  if (!hasWill && (willQos || flags & 0x20)) throw new ProtocolError('will flags without a will');
  if (!(flags & 0x80) && flags & 0x40) throw new ProtocolError('a password without a user name');

  const clientId = fields.text();
  const clean = (flags & 0x02) !== 0;
  let will: Will | undefined;
  if (hasWill) {
    const topic = decodeTopic(fields.binary());
    will = { topic, payload: fields.binary(), qos: willQos as Qos, retain: (flags & 0x20) !== 0 };
  }
  // In MQTT 3.1 the remaining length takes precedence over the flags of user name and password.
  const username = flags & 0x80 && !(old && fields.done) ? fields.text() : undefined;
  const password = flags & 0x40 && !(old && fields.done) ? fields.binary() : undefined;
  if (!fields.done) throw new ProtocolError('bytes after the end of CONNECT');
  if (clientId === '' && (!clean || old)) {
    throw new ProtocolError('an empty client id needs a clean session', IDENTIFIER_REJECTED);
  }
  const bridge = (level & BRIDGE) !== 0;
  return { protocolName, bridge, clean, keepalive, clientId, will, username, password };
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

function* readFilters(body: Buffer): Generator<string> {
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
  if (qos === 3) throw new ProtocolError('PUBLISH with QoS 3');
  if (qos === 0 && header & DUP) throw new ProtocolError('PUBLISH with DUP at QoS 0');
  const topicEnd = start + 2 + ((source[start]! << 8) | source[start + 1]!);
  const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
  if (end - start < 2 || payloadStart > end) throw new ProtocolError('PUBLISH ends too early');
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
  if (end - start !== 2) throw new ProtocolError('an acknowledgement of the wrong length');
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
