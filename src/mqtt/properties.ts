import {
  AUTH,
  CONNACK,
  CONNECT,
  DISCONNECT,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBACK,
  SUBSCRIBE,
  UNSUBACK,
} from './codec.ts';
import type { Fields } from './fields.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { PROTOCOL_ERROR, TOPIC_ALIAS_INVALID } from './reason-codes.ts';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

/** In place of a packet type: the will's properties in the payload of CONNECT. */
export const WILL = 0;

/** Property values by name. User properties are not among them: those of messages stay as bytes, others are not kept. */
export interface Properties {
  readonly payloadFormat?: number;
  /** Seconds. */
  readonly messageExpiry?: number;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  readonly subscriptionIdentifier?: number;
  /** Seconds; `NEVER` for a session that does not expire. */
  readonly sessionExpiry?: number;
  readonly assignedClientId?: string;
  readonly serverKeepAlive?: number;
  readonly authenticationMethod?: string;
  readonly authenticationData?: Buffer;
  readonly requestProblemInformation?: number;
  /** Seconds. */
  readonly willDelay?: number;
  readonly requestResponseInformation?: number;
  readonly responseInformation?: string;
  readonly serverReference?: string;
  readonly reasonString?: string;
  readonly receiveMaximum?: number;
  readonly topicAliasMaximum?: number;
  readonly topicAlias?: number;
  readonly maximumQos?: number;
  readonly retainAvailable?: number;
  readonly userProperty?: never;
  readonly maximumPacketSize?: number;
  readonly wildcardSubscriptionAvailable?: number;
  readonly subscriptionIdentifierAvailable?: number;
  readonly sharedSubscriptionAvailable?: number;
}

/** The Session Expiry Interval of a session that does not expire [MQTT 5, section 3.1.2.11.2]. */
export const NEVER = 0xffff_ffff;

export interface PropertyDefinition {
  readonly id: number;
  readonly name: keyof Properties;
  readonly type: 'byte' | 'word' | 'long' | 'variableInt' | 'text' | 'binary' | 'pair';
  /** The packets that may have it, as a set of bits. */
  readonly packets: number;
  /** Values that are no protocol error; by default all of the type. */
  readonly least?: number;
  readonly most?: number;
  /** The reason code of another value. */
  readonly reasonCode?: number;
  /** The packet that may have it more than once. */
  readonly repeatedIn?: number;
}

const inPackets = (...types: number[]): number => types.reduce((set, type) => set | (1 << type), 0);
const MESSAGE = inPackets(PUBLISH, WILL);
const ACKNOWLEDGEMENTS = [PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK];
/** All but PINGREQ and PINGRESP. */
const ANY = 0xcfff;

/** All properties of the standard [MQTT 5, table 2-4]. */
export const PROPERTIES: readonly PropertyDefinition[] = [
  { id: 0x01, name: 'payloadFormat', type: 'byte', packets: MESSAGE, most: 1 },
  { id: 0x02, name: 'messageExpiry', type: 'long', packets: MESSAGE },
  { id: 0x03, name: 'contentType', type: 'text', packets: MESSAGE },
  { id: 0x08, name: 'responseTopic', type: 'text', packets: MESSAGE },
  { id: 0x09, name: 'correlationData', type: 'binary', packets: MESSAGE },
  {
    id: 0x0b,
    name: 'subscriptionIdentifier',
    type: 'variableInt',
    packets: inPackets(PUBLISH, SUBSCRIBE),
    least: 1,
    repeatedIn: inPackets(PUBLISH),
  },
  {
    id: 0x11,
    name: 'sessionExpiry',
    type: 'long',
    packets: inPackets(CONNECT, CONNACK, DISCONNECT),
  },
  { id: 0x12, name: 'assignedClientId', type: 'text', packets: inPackets(CONNACK) },
  { id: 0x13, name: 'serverKeepAlive', type: 'word', packets: inPackets(CONNACK) },
  {
    id: 0x15,
    name: 'authenticationMethod',
    type: 'text',
    packets: inPackets(CONNECT, CONNACK, AUTH),
  },
  {
    id: 0x16,
    name: 'authenticationData',
    type: 'binary',
    packets: inPackets(CONNECT, CONNACK, AUTH),
  },
  {
    id: 0x17,
    name: 'requestProblemInformation',
    type: 'byte',
    packets: inPackets(CONNECT),
    most: 1,
  },
  { id: 0x18, name: 'willDelay', type: 'long', packets: inPackets(WILL) },
  {
    id: 0x19,
    name: 'requestResponseInformation',
    type: 'byte',
    packets: inPackets(CONNECT),
    most: 1,
  },
  { id: 0x1a, name: 'responseInformation', type: 'text', packets: inPackets(CONNACK) },
  { id: 0x1c, name: 'serverReference', type: 'text', packets: inPackets(CONNACK, DISCONNECT) },
  {
    id: 0x1f,
    name: 'reasonString',
    type: 'text',
    packets: inPackets(CONNACK, DISCONNECT, AUTH, ...ACKNOWLEDGEMENTS),
  },
  {
    id: 0x21,
    name: 'receiveMaximum',
    type: 'word',
    packets: inPackets(CONNECT, CONNACK),
    least: 1,
  },
  { id: 0x22, name: 'topicAliasMaximum', type: 'word', packets: inPackets(CONNECT, CONNACK) },
  {
    id: 0x23,
    name: 'topicAlias',
    type: 'word',
    packets: inPackets(PUBLISH),
    least: 1,
    reasonCode: TOPIC_ALIAS_INVALID,
  },
  { id: 0x24, name: 'maximumQos', type: 'byte', packets: inPackets(CONNACK), most: 1 },
  { id: 0x25, name: 'retainAvailable', type: 'byte', packets: inPackets(CONNACK), most: 1 },
  { id: 0x26, name: 'userProperty', type: 'pair', packets: ANY, repeatedIn: ANY },
  {
    id: 0x27,
    name: 'maximumPacketSize',
    type: 'long',
    packets: inPackets(CONNECT, CONNACK),
    least: 1,
  },
  {
    id: 0x28,
    name: 'wildcardSubscriptionAvailable',
    type: 'byte',
    packets: inPackets(CONNACK),
    most: 1,
  },
  {
    id: 0x29,
    name: 'subscriptionIdentifierAvailable',
    type: 'byte',
    packets: inPackets(CONNACK),
    most: 1,
  },
  {
    id: 0x2a,
    name: 'sharedSubscriptionAvailable',
    type: 'byte',
    packets: inPackets(CONNACK),
    most: 1,
  },
];

const byId = new Map(PROPERTIES.map((each) => [each.id, each]));
const byName = new Map(PROPERTIES.map((each) => [each.name, each]));

/** The definition of a property that comes in such a packet; throws if it may not [MQTT 5, section 2.2.2.2]. */
export function definitionOf(id: number, packet: number): PropertyDefinition {
  const definition = byId.get(id);
  if (!definition || !((definition.packets >> packet) & 1)) {
    throw new MalformedPacket(`property ${id} in a packet that can't have it`);
  }
  return definition;
}

/** Throws if a property that a packet has already may not come again in it. */
export function checkRepetition(
  { name, repeatedIn = 0 }: PropertyDefinition,
  packet: number,
): void {
  if (!((repeatedIn >> packet) & 1)) throw new ProtocolError(`the property ${name} twice`);
}

/** Throws if the standard forbids this value of the property. */
export function checkValue(definition: PropertyDefinition, value: number): void {
  const { name, least = 0, most = NEVER, reasonCode = PROTOCOL_ERROR } = definition;
  if (value < least || value > most) {
    throw new ProtocolError(`the property ${name} is ${value}`, reasonCode);
  }
}

/** The properties that come next in a packet of this type, other than PUBLISH; user properties are checked, not kept. */
export function decodeProperties(packet: Fields, type: number): Properties {
  const found: Record<string, number | string | Buffer> = {};
  for (const fields = packet.part(packet.variableInt()); !fields.done; ) {
    const definition = definitionOf(fields.variableInt(), type);
    const { name } = definition;
    if (definition.type === 'pair') {
      fields.text();
      fields.text();
      continue;
    }
    if (name in found) checkRepetition(definition, type);
    const value = fields[definition.type]();
    if (typeof value === 'number') checkValue(definition, value);
    found[name] = value;
  }
  return found as Properties;
}

/** Properties with their length in front, as they are in a packet. */
export function encodeProperties(properties: Properties): Buffer {
  const encoded: Buffer[] = [];
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const { id, type } = byName.get(name as keyof Properties)!;
    encoded.push(Buffer.from([id]), encodeValue(type, value as number | string | Buffer));
  }
  const block = Buffer.concat(encoded);
  return Buffer.concat([encodeVariableInt(block.length), block]);
}

function encodeValue(type: PropertyDefinition['type'], value: number | string | Buffer): Buffer {
  switch (type) {
    case 'byte':
      return Buffer.from([value as number]);
    case 'word':
      return wordOf(value as number);
    case 'long': {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value as number);
      return bytes;
    }
    case 'variableInt':
      return encodeVariableInt(value as number);
    default: {
      const bytes = Buffer.from(value as string);
      return Buffer.concat([wordOf(bytes.length), bytes]);
    }
  }
}

function wordOf(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function encodeVariableInt(value: number): Buffer {
  const bytes = Buffer.alloc(variableIntBytes(value));
  writeVariableInt(bytes, 0, value);
  return bytes;
}
