import {
  AUTH,
  CONNACK_HEADER,
  DISCONNECT,
  encodePacket,
  PUBACK,
  PUBCOMP,
  PUBREC,
  PUBREL,
  type Qos,
  readFilters,
  SUBSCRIBE,
  type SubscribePacket,
  type SubscribeRequest,
  UNSUBSCRIBE,
  type UnsubscribePacket,
} from './codec.ts';
import { decodeFilter, decodePacketId, Fields } from './fields.ts';
import { decodeProperties, encodeProperties, type Properties } from './properties.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { isShared, shareProblem } from './shared-filter.ts';

const DISCONNECT_HEADER = 0xe0;
const AUTH_HEADER = 0xf0;
const EMPTY = Buffer.alloc(0);

/** Reason codes that a client may send in a packet [MQTT 5, tables 3-4 to 3-8, 3-13 and 3-14]. */
const RECEIVED = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASED = [0x00, 0x92];
const CLIENT_CODES: Readonly<Record<number, readonly number[]>> = {
  [PUBACK]: RECEIVED,
  [PUBREC]: RECEIVED,
  [PUBREL]: RELEASED,
  [PUBCOMP]: RELEASED,
  [DISCONNECT]: [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
  ],
  [AUTH]: [0x18, 0x19],
};

export interface Acknowledged {
  readonly packetId: number;
  readonly reasonCode: number;
}

/** The reason code of a packet, if it has one; success is the default. */
function decodeReasonCode(fields: Fields, type: number): number {
  const code = fields.done ? 0 : fields.byte();
  if (CLIENT_CODES[type]!.includes(code)) return code;
  throw new ProtocolError(`reason code ${code} in a packet of type ${type}`);
}

/** The properties at the end of a packet; a packet without any may end before their length. */
function decodeLastProperties(fields: Fields, type: number): Properties {
  const properties = fields.done ? {} : decodeProperties(fields, type);
  if (!fields.done) throw new MalformedPacket('bytes after the end of the packet');
  return properties;
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function decodeAcknowledgement(
  type: number,
  source: Buffer,
  start: number,
  end: number,
): Acknowledged {
  const fields = new Fields(source, start, end);
  const packetId = decodePacketId(fields);
  const reasonCode = decodeReasonCode(fields, type);
  decodeLastProperties(fields, type);
  return { packetId, reasonCode };
}

export interface Disconnected {
  readonly reasonCode: number;
  /** Seconds; undefined where it does not change. */
  readonly sessionExpiry: number | undefined;
}

/** [MQTT 5, section 3.14]. */
export function decodeDisconnect(source: Buffer, start: number, end: number): Disconnected {
  const fields = new Fields(source, start, end);
  const reasonCode = decodeReasonCode(fields, DISCONNECT);
  const { sessionExpiry, serverReference } = decodeLastProperties(fields, DISCONNECT);
  if (serverReference !== undefined) throw new ProtocolError('a server reference from a client');
  return { reasonCode, sessionExpiry };
}

export interface AuthPacket {
  readonly reasonCode: number;
  readonly method: string;
  readonly data: Buffer;
}

/** [MQTT 5, section 3.15]. */
export function decodeAuth(source: Buffer, start: number, end: number): AuthPacket {
  const fields = new Fields(source, start, end);
  const reasonCode = decodeReasonCode(fields, AUTH);
  const { authenticationMethod: method, authenticationData } = decodeLastProperties(fields, AUTH);
  if (method === undefined) throw new ProtocolError('AUTH without a method');
  return { reasonCode, method, data: authenticationData ?? EMPTY };
}

/** [MQTT 5, section 3.8]; as `decodeSubscribe`. */
export function decodeSubscribe5(source: Buffer, start: number, end: number): SubscribePacket {
  const fields = new Fields(source, start, end);
  const packetId = decodePacketId(fields);
  const { subscriptionIdentifier: identifier = 0 } = decodeProperties(fields, SUBSCRIBE);
  if (fields.done) throw new ProtocolError('SUBSCRIBE without a filter');
  // A copy, which is read later, when the read buffer has other bytes.
  const body = fields.rest();
  const requests = { [Symbol.iterator]: () => readRequests(body, identifier) };
  return { packetId, requests, bytes: body.length };
}

function* readRequests(body: Buffer, identifier: number): Generator<SubscribeRequest> {
  const fields = new Fields(body, 0, body.length);
  while (!fields.done) {
    const filter = decodeFilter(fields);
    yield { filter, ...decodeOptions(fields.byte(), filter, identifier) };
  }
}

function decodeOptions(
  byte: number,
  filter: string,
  identifier: number,
): Pick<SubscribeRequest, 'qos' | 'options'> {
  const [qos, retainHandling] = [byte & 3, (byte >> 4) & 3];
  if (byte & 0xc0) throw new MalformedPacket('reserved bits in the options of SUBSCRIBE');
  if (qos === 3) throw new ProtocolError('SUBSCRIBE asks for a QoS above 2');
  if (retainHandling === 3) throw new ProtocolError('SUBSCRIBE with retain handling 3');
  const noLocal = (byte & 4) !== 0;
  if (isShared(filter)) {
    const problem = shareProblem(filter);
    if (problem) throw new ProtocolError(`the shared subscription ${problem}`);
    // [MQTT-3.8.3-4].
    if (noLocal) throw new ProtocolError('a shared subscription with No Local');
  }
  const retainAsPublished = (byte & 8) !== 0;
  const options = { noLocal, retainAsPublished, retainHandling: retainHandling as 0, identifier };
  return { qos: qos as Qos, options };
}

/** [MQTT 5, section 3.10]; as `decodeSubscribe`. */
export function decodeUnsubscribe5(source: Buffer, start: number, end: number): UnsubscribePacket {
  const fields = new Fields(source, start, end);
  const packetId = decodePacketId(fields);
  decodeProperties(fields, UNSUBSCRIBE);
  if (fields.done) throw new ProtocolError('UNSUBSCRIBE without a filter');
  const body = fields.rest();
  const filters = { [Symbol.iterator]: () => readFilters(body) };
  return { packetId, filters, bytes: body.length };
}

/** [MQTT 5, section 3.2]. */
export function encodeConnack5(
  sessionPresent: boolean,
  reasonCode: number,
  properties: Properties = {},
): Buffer {
  const head = Buffer.from([sessionPresent ? 1 : 0, reasonCode]);
  return encodePacket(CONNACK_HEADER, Buffer.concat([head, encodeProperties(properties)]));
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP with another reason code than success. */
export function encodeAcknowledgement(
  header: number,
  packetId: number,
  reasonCode: number,
  properties: Properties = {},
): Buffer {
  const head = Buffer.from([packetId >> 8, packetId & 0xff, reasonCode]);
  if (properties.reasonString === undefined) return encodePacket(header, head);
  return encodePacket(header, Buffer.concat([head, encodeProperties(properties)]));
}

/** SUBACK or UNSUBACK: a reason code for each filter. */
export function encodeFilterCodes(
  header: number,
  packetId: number,
  codes: readonly number[],
  properties: Properties = {},
): Buffer {
  const encoded = encodeProperties(properties);
  const body = Buffer.allocUnsafe(2 + encoded.length + codes.length);
  body.writeUInt16BE(packetId);
  body.set(encoded, 2);
  body.set(codes, 2 + encoded.length);
  return encodePacket(header, body);
}

/** [MQTT 5, section 3.15]. */
export function encodeAuth(reasonCode: number, method: string, data: Buffer): Buffer {
  const properties = encodeProperties({
    authenticationMethod: method,
    ...(data.length > 0 && { authenticationData: data }),
  });
  return encodePacket(AUTH_HEADER, Buffer.concat([Buffer.from([reasonCode]), properties]));
}

/** [MQTT 5, section 3.14]. */
export function encodeDisconnect(reasonCode: number, properties: Properties): Buffer {
  const body = Buffer.concat([Buffer.from([reasonCode]), encodeProperties(properties)]);
  return encodePacket(DISCONNECT_HEADER, body);
}
