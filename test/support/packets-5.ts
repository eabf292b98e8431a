/**
 * MQTT 5 packets for black-box tests: built byte by byte, right or wrong, and read back strictly.
 * Written from the standard alone; it must never import the product's own codec.
 */
import { field, frame, type Qos, remainingLength, u16, type Will } from './packets.ts';

type Bytes = Uint8Array;

/** A 32-bit number, most significant byte first. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Type of each property [MQTT 5, table 2-4]. */
const TYPES = {
  payloadFormat: [1, 'byte'],
  messageExpiry: [2, 'long'],
  contentType: [3, 'text'],
  responseTopic: [8, 'text'],
  correlationData: [9, 'binary'],
  subscriptionIdentifier: [11, 'variable'],
  sessionExpiry: [17, 'long'],
  assignedClientId: [18, 'text'],
  serverKeepAlive: [19, 'word'],
  authenticationMethod: [21, 'text'],
  authenticationData: [22, 'binary'],
  requestProblemInformation: [23, 'byte'],
  willDelay: [24, 'long'],
  requestResponseInformation: [25, 'byte'],
  responseInformation: [26, 'text'],
  serverReference: [28, 'text'],
  reasonString: [31, 'text'],
  receiveMaximum: [33, 'word'],
  topicAliasMaximum: [34, 'word'],
  topicAlias: [35, 'word'],
  maximumQos: [36, 'byte'],
  retainAvailable: [37, 'byte'],
  userProperty: [38, 'pair'],
  maximumPacketSize: [39, 'long'],
  wildcardSubscriptionAvailable: [40, 'byte'],
  subscriptionIdentifierAvailable: [41, 'byte'],
  sharedSubscriptionAvailable: [42, 'byte'],
} as const;
type Name = keyof typeof TYPES;
type Pair = readonly [name: string, value: string];
type Value = number | string | Bytes | Pair;

/** A property and its value, in the order in which they are in a packet. */
export type Property = readonly [name: Name, value: Value];
export type Properties = readonly Property[];

/** A property as bytes. */
export function property([name, value]: Property): Buffer {
  const [id, type] = TYPES[name];
  return Buffer.concat([Buffer.from([id]), encoded(type, value)]);
}

function encoded(type: string, value: Value): Buffer {
  switch (type) {
    case 'byte':
      return Buffer.from([value as number]);
    case 'word':
      return u16(value as number);
    case 'long':
      return u32(value as number);
    case 'variable':
      return remainingLength(value as number);
    case 'pair': {
      const [name, text] = value as Pair;
      return Buffer.concat([field(name), field(text)]);
    }
    default:
      return field(value as string | Bytes);
  }
}

/** Properties with their length; raw bytes are taken as they are. */
export function block(properties: Properties | Bytes = []): Buffer {
  const bytes =
    properties instanceof Uint8Array
      ? Buffer.from(properties)
      : Buffer.concat((properties as Properties).map(property));
  return Buffer.concat([remainingLength(bytes.length), bytes]);
}

export interface Will5 extends Will {
  readonly properties?: Properties | Bytes;
}

export interface ConnectOptions5 {
  readonly clientId?: string | Bytes;
  /** Clean Start; true if absent. */
  readonly clean?: boolean;
  readonly keepalive?: number;
  readonly will?: Will5;
  readonly username?: string | Bytes;
  readonly password?: string | Bytes;
  readonly properties?: Properties | Bytes;
  readonly flags?: number;
  readonly trailing?: Bytes;
}

/** A CONNECT of MQTT 5; by default with Clean Start and no keep alive. */
export function connect(options: ConnectOptions5 = {}): Buffer {
  const { will, username, password } = options;
  let flags = (options.clean ?? true) ? 0x02 : 0;
  if (will) flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0);
  if (password !== undefined) flags |= 0x40;
  if (username !== undefined) flags |= 0x80;
  const parts: Buffer[] = [
    field('MQTT'),
    Buffer.from([5, options.flags ?? flags]),
    u16(options.keepalive ?? 0),
    block(options.properties),
    field(options.clientId ?? ''),
  ];
  if (will) parts.push(block(will.properties), field(will.topic), field(will.payload ?? ''));
  if (username !== undefined) parts.push(field(username));
  if (password !== undefined) parts.push(field(password));
  if (options.trailing) parts.push(Buffer.from(options.trailing));
  return frame(0x10, ...parts);
}

export interface PublishOptions5 {
  readonly qos?: number;
  readonly id?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  readonly properties?: Properties | Bytes;
}

export function publish(
  topic: string | Bytes,
  payload: string | Bytes = '',
  { qos = 0, id = 1, dup = false, retain = false, properties = [] }: PublishOptions5 = {},
): Buffer {
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const packetId = qos > 0 ? u16(id) : Buffer.alloc(0);
  return frame(first, field(topic), packetId, block(properties), Buffer.from(payload));
}

const ACKNOWLEDGEMENTS = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/** PUBACK, PUBREC, PUBREL or PUBCOMP: with two bytes, with a reason code, or with properties too. */
export function acknowledge(
  type: keyof typeof ACKNOWLEDGEMENTS,
  id: number,
  code?: number,
  properties?: Properties | Bytes,
): Buffer {
  const reason = code === undefined ? Buffer.alloc(0) : Buffer.from([code]);
  const rest = properties === undefined ? Buffer.alloc(0) : block(properties);
  return frame(ACKNOWLEDGEMENTS[type], u16(id), reason, rest);
}

/** A filter with its options byte, which has the QoS in its lowest bits. */
export type Wish5 = readonly [filter: string | Bytes, options: number];

/** Bits of the options byte. */
export const NO_LOCAL = 4;
export const RETAIN_AS_PUBLISHED = 8;
export const RETAIN_IF_NEW = 16;
export const RETAIN_NEVER = 32;

export function subscribe(
  id: number,
  wishes: readonly Wish5[],
  properties: Properties | Bytes = [],
): Buffer {
  const parts = wishes.flatMap(([filter, options]) => [field(filter), Buffer.from([options])]);
  return frame(0x82, u16(id), block(properties), ...parts);
}

export function unsubscribe(
  id: number,
  filters: readonly (string | Bytes)[],
  properties: Properties | Bytes = [],
): Buffer {
  return frame(0xa2, u16(id), block(properties), ...filters.map(field));
}

/** DISCONNECT: without a code it is empty. */
export function disconnect(code?: number, properties?: Properties | Bytes): Buffer {
  const reason = code === undefined ? Buffer.alloc(0) : Buffer.from([code]);
  return frame(0xe0, reason, properties === undefined ? Buffer.alloc(0) : block(properties));
}

export function auth(code?: number, properties?: Properties | Bytes): Buffer {
  const reason = code === undefined ? Buffer.alloc(0) : Buffer.from([code]);
  return frame(0xf0, reason, properties === undefined ? Buffer.alloc(0) : block(properties));
}

/** A packet from a server. Fields that its type does not have are undefined. */
export interface Packet5 {
  readonly type:
    | 'connack'
    | 'publish'
    | 'puback'
    | 'pubrec'
    | 'pubrel'
    | 'pubcomp'
    | 'suback'
    | 'unsuback'
    | 'pingresp'
    | 'disconnect'
    | 'auth';
  readonly raw: Buffer;
  readonly code?: number;
  readonly codes?: readonly number[];
  readonly sessionPresent?: boolean;
  readonly id?: number;
  readonly topic?: string;
  readonly payload?: string;
  readonly qos?: Qos;
  readonly dup?: boolean;
  readonly retain?: boolean;
  /** In the order in which they are in the packet. */
  readonly properties: Properties;
}

/** The first value of a property. */
export function valueIn(packet: Packet5, name: Name): Value | undefined {
  return packet.properties.find(([each]) => each === name)?.[1];
}

/** All values of a property. */
export function valuesIn(packet: Packet5, name: Name): Value[] {
  return packet.properties.filter(([each]) => each === name).map(([, value]) => value);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads fields in order; throws beyond the end. */
class Reader {
  at = 0;
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  get done(): boolean {
    return this.at === this.bytes.length;
  }
  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Error('the server sent a packet cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  byte(): number {
    return this.take(1)[0]!;
  }
  word(): number {
    return this.take(2).readUInt16BE();
  }
  variable(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const digit = this.byte();
      value += (digit & 0x7f) * 2 ** shift;
      if (digit < 0x80) return value;
    }
    throw new Error('the server sent a number of five bytes');
  }
  field(): Buffer {
    return Buffer.from(this.take(this.word()));
  }
  text(): string {
    return utf8.decode(this.field());
  }
  properties(): Properties {
    const inner = new Reader(this.take(this.variable()));
    const found: Property[] = [];
    while (!inner.done) {
      const id = inner.byte();
      const name = (Object.keys(TYPES) as Name[]).find((each) => TYPES[each][0] === id);
      if (!name) throw new Error(`the server sent the property ${id}`);
      found.push([name, inner.value(TYPES[name][1])]);
    }
    return found;
  }
  value(type: string): Value {
    switch (type) {
      case 'byte':
        return this.byte();
      case 'word':
        return this.word();
      case 'long':
        return this.take(4).readUInt32BE();
      case 'variable':
        return this.variable();
      case 'pair':
        return [this.text(), this.text()];
      case 'binary':
        return this.field();
      default:
        return this.text();
    }
  }
}

const TYPE_OF: Readonly<Record<number, Packet5['type']>> = {
  2: 'connack',
  3: 'publish',
  4: 'puback',
  5: 'pubrec',
  6: 'pubrel',
  7: 'pubcomp',
  9: 'suback',
  11: 'unsuback',
  13: 'pingresp',
  14: 'disconnect',
  15: 'auth',
};

/** One packet from a server; throws when the standard forbids it. */
export function parse(raw: Buffer): Packet5 {
  const first = raw[0]!;
  let at = 2;
  while ((raw[at - 1] ?? 0) >= 0x80) at++;
  const reader = new Reader(raw.subarray(at));
  const type = TYPE_OF[first >> 4];
  const flags = type === 'pubrel' ? 2 : 0;
  if (!type || (type !== 'publish' && (first & 15) !== flags)) {
    throw new Error(`the server sent ${raw.subarray(0, 40).toString('hex')}`);
  }
  const packet = { type, raw, ...bodyOf(type, first, reader) };
  if (!reader.done) throw new Error(`the server sent bytes after the end of a ${type}`);
  return packet;
}

function bodyOf(
  type: Packet5['type'],
  first: number,
  reader: Reader,
): Omit<Packet5, 'type' | 'raw'> {
  switch (type) {
    case 'connack': {
      const sessionPresent = reader.byte() === 1;
      return { sessionPresent, code: reader.byte(), properties: reader.properties() };
    }
    case 'publish': {
      const topic = reader.text();
      const qos = ((first >> 1) & 3) as Qos;
      const id = qos > 0 ? reader.word() : 0;
      const properties = reader.properties();
      const payload = reader.take(reader.bytes.length - reader.at).toString();
      const flags = { dup: (first & 8) !== 0, retain: (first & 1) !== 0 };
      return { topic, qos, id, properties, payload, ...flags };
    }
    case 'suback':
    case 'unsuback': {
      const id = reader.word();
      const properties = reader.properties();
      const codes = [...reader.take(reader.bytes.length - reader.at)];
      if (codes.length === 0) throw new Error(`the server sent a ${type} without a code`);
      return { id, properties, codes };
    }
    case 'pingresp':
      return { properties: [] };
    default: {
      const id = type === 'disconnect' || type === 'auth' ? {} : { id: reader.word() };
      const code = reader.done ? 0 : reader.byte();
      return { ...id, code, properties: reader.done ? [] : reader.properties() };
    }
  }
}
