/**
 * MQTT 3.1.1 packets for black-box tests: built byte by byte, right or wrong, and read back strictly.
 * Written from the standard alone; it must never import the product's own codec.
 */

export type Qos = 0 | 1 | 2;

interface Raw {
  /** The whole packet as it came over the wire. */
  readonly raw: Buffer;
}
export interface Connack extends Raw {
  readonly type: 'connack';
  readonly sessionPresent: boolean;
  readonly code: number;
}
export interface Publish extends Raw {
  readonly type: 'publish';
  readonly topic: string;
  readonly payload: string;
  readonly bytes: Buffer;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 0 for QoS 0. */
  readonly id: number;
}
export interface Acknowledgement extends Raw {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
  readonly id: number;
}
export interface Suback extends Raw {
  readonly type: 'suback';
  readonly id: number;
  readonly codes: readonly number[];
}
export interface Pingresp extends Raw {
  readonly type: 'pingresp';
}

/** Everything a server may send. */
export type Packet = Connack | Publish | Acknowledgement | Suback | Pingresp;
export type PacketType = Packet['type'];
export type PacketOf<T extends PacketType> =
  Extract<Packet, { type: T }> extends never ? Acknowledgement : Extract<Packet, { type: T }>;

type Bytes = Uint8Array;

/** A 16-bit number, most significant byte first. */
export function u16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}

/** A length-prefixed field; bytes are taken as they are, so the text may be ill-formed on purpose. */
export function field(value: string | Bytes): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  return Buffer.concat([u16(bytes.length), bytes]);
}

/** The remaining length in its one to four bytes; more than four when `value` needs it, which is malformed. */
export function remainingLength(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A packet from its first byte and the parts of its body; the remaining length is right. */
export function frame(firstByte: number, ...parts: readonly Bytes[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([firstByte]), remainingLength(body.length), body]);
}

export interface Will {
  readonly topic: string | Bytes;
  readonly payload?: string | Bytes;
  readonly qos?: number;
  readonly retain?: boolean;
}

export interface ConnectOptions {
  readonly clientId?: string | Bytes;
  readonly clean?: boolean;
  readonly keepalive?: number;
  readonly will?: Will;
  readonly username?: string | Bytes;
  readonly password?: string | Bytes;
  readonly protocol?: string | Bytes;
  readonly level?: number;
  /** The first byte, in place of 0x10. */
  readonly firstByte?: number;
  /** The connect flags, in place of those that the other options give. */
  readonly flags?: number;
  /** Bytes after the last field. */
  readonly trailing?: Bytes;
}

/** A CONNECT; by default MQTT 3.1.1, clean session, no keepalive. */
export function connect(options: ConnectOptions = {}): Buffer {
  const { will } = options;
  let flags = (options.clean ?? true) ? 0x02 : 0;
  if (will) flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0);
  if (options.password !== undefined) flags |= 0x40;
  if (options.username !== undefined) flags |= 0x80;
  const parts: Buffer[] = [
    field(options.protocol ?? 'MQTT'),
    Buffer.from([options.level ?? 4, options.flags ?? flags]),
    u16(options.keepalive ?? 0),
    field(options.clientId ?? ''),
  ];
  if (will) parts.push(field(will.topic), field(will.payload ?? ''));
  if (options.username !== undefined) parts.push(field(options.username));
  if (options.password !== undefined) parts.push(field(options.password));
  if (options.trailing) parts.push(Buffer.from(options.trailing));
  return frame(options.firstByte ?? 0x10, ...parts);
}

export interface PublishOptions {
  /** 3 is malformed. */
  readonly qos?: number;
  readonly id?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
}

/** A PUBLISH; with QoS above 0 the packet identifier is `id`, or 1. */
export function publish(
  topic: string | Bytes,
  payload: string | Bytes = '',
  options: PublishOptions = {},
): Buffer {
  const qos = options.qos ?? 0;
  const first = 0x30 | (options.dup ? 8 : 0) | (qos << 1) | (options.retain ? 1 : 0);
  const id = qos > 0 ? u16(options.id ?? 1) : Buffer.alloc(0);
  return frame(first, field(topic), id, Buffer.from(payload));
}

export function puback(id: number): Buffer {
  return frame(0x40, u16(id));
}
export function pubrec(id: number): Buffer {
  return frame(0x50, u16(id));
}
export function pubrel(id: number): Buffer {
  return frame(0x62, u16(id));
}
export function pubcomp(id: number): Buffer {
  return frame(0x70, u16(id));
}

/** A filter with the QoS asked for; any number from 0 to 255 may stand there. */
export type Wish = readonly [filter: string | Bytes, qos: number];

export function subscribe(id: number, wishes: readonly Wish[]): Buffer {
  const parts = wishes.flatMap(([filter, qos]) => [field(filter), Buffer.from([qos])]);
  return frame(0x82, u16(id), ...parts);
}

export function unsubscribe(id: number, filters: readonly (string | Bytes)[]): Buffer {
  return frame(0xa2, u16(id), ...filters.map(field));
}

export const pingreq: Buffer = Buffer.from([0xc0, 0]);
export const disconnect: Buffer = Buffer.from([0xe0, 0]);

/** Puts a server's byte stream together into packets; throws on the first byte that no server may send. */
export class PacketReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #parse: (raw: Buffer) => Packet;

  /** `parsePacket` reads one packet; by default one of MQTT 3.1.1. */
  constructor(parsePacket: (raw: Buffer) => Packet = parse) {
    this.#parse = parsePacket;
  }

  push(chunk: Uint8Array): Packet[] {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : Buffer.from(chunk);
    const packets: Packet[] = [];
    let start = 0;
    for (;;) {
      const end = packetEnd(this.#rest, start);
      if (end === undefined) break;
      packets.push(this.#parse(this.#rest.subarray(start, end)));
      start = end;
    }
    this.#rest = this.#rest.subarray(start);
    return packets;
  }

  /** Bytes of a packet that is not complete yet. */
  get pending(): number {
    return this.#rest.length;
  }
}

function packetEnd(bytes: Buffer, start: number): number | undefined {
  let length = 0;
  for (let index = 0; index < 4; index++) {
    const digit = bytes[start + 1 + index];
    if (digit === undefined) return undefined;
    length += (digit & 0x7f) * 128 ** index;
    if (digit < 0x80) {
      const end = start + 2 + index + length;
      return end <= bytes.length ? end : undefined;
    }
  }
  throw new Error(`the server sent a remaining length of five bytes: ${hex(bytes, start)}`);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ACKNOWLEDGEMENTS = new Map<number, Acknowledgement['type']>([
  [0x40, 'puback'],
  [0x50, 'pubrec'],
  [0x62, 'pubrel'],
  [0x70, 'pubcomp'],
  [0xb0, 'unsuback'],
]);

/** One packet from a server; throws when the standard forbids it. */
export function parse(raw: Buffer): Packet {
  const first = raw[0] ?? 0;
  let at = 2;
  while ((raw[at - 1] ?? 0) >= 0x80) at++;
  const body = raw.subarray(at);
  const wrong = (why: string): Error => new Error(`the server sent ${hex(raw)}: ${why}`);
  const acknowledgement = ACKNOWLEDGEMENTS.get(first);
  if (acknowledgement) {
    if (body.length !== 2) throw wrong(`a ${acknowledgement} has two bytes`);
    return { type: acknowledgement, raw, id: body.readUInt16BE(0) };
  }
  if (first >> 4 === 3) return parsePublish(raw, body, wrong);
  switch (first) {
    case 0x20: {
      const [flags = 0, code = 0] = body;
      if (body.length !== 2 || flags > 1 || code > 5) throw wrong('no CONNACK of MQTT 3.1.1');
      return { type: 'connack', raw, sessionPresent: flags === 1, code };
    }
    case 0x90: {
      if (body.length < 3) throw wrong('a SUBACK has an identifier and return codes');
      return { type: 'suback', raw, id: body.readUInt16BE(0), codes: [...body.subarray(2)] };
    }
    case 0xd0:
      if (body.length !== 0) throw wrong('a PINGRESP is empty');
      return { type: 'pingresp', raw };
    default:
      throw wrong('no packet that a server may send');
  }
}

function parsePublish(raw: Buffer, body: Buffer, wrong: (why: string) => Error): Publish {
  const flags = raw[0]! & 0x0f;
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw wrong('QoS 3');
  if (body.length < 2) throw wrong('no topic');
  const topicEnd = 2 + body.readUInt16BE(0);
  const start = qos > 0 ? topicEnd + 2 : topicEnd;
  if (start > body.length) throw wrong('topic or packet identifier cut off');
  const bytes = body.subarray(start);
  return {
    type: 'publish',
    raw,
    topic: utf8.decode(body.subarray(2, topicEnd)),
    payload: bytes.toString(),
    bytes,
    qos: qos as Qos,
    dup: (flags & 8) !== 0,
    retain: (flags & 1) !== 0,
    id: qos > 0 ? body.readUInt16BE(topicEnd) : 0,
  };
}

function hex(bytes: Uint8Array, start = 0): string {
  const shown = Buffer.from(bytes.subarray(start, start + 40)).toString('hex');
  return bytes.length - start > 40 ? `${shown}…` : shown;
}
