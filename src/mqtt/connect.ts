import type { Qos } from './codec.ts';
import { CONNECT } from './codec.ts';
import { decodeTopic, Fields } from './fields.ts';
import { decodeProperties, type Properties } from './properties.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { PublishProperties } from './publish-properties.ts';
import { CLIENT_ID_INVALID, UNSUPPORTED_VERSION } from './reason-codes.ts';

/** The bit of the protocol level by which Mosquitto's bridges make themselves known. */
const BRIDGE = 0x80;

/** Versions of MQTT by their protocol level: 3.1, 3.1.1 and 5. */
export type Version = 3 | 4 | 5;

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
  /** MQTT 5: properties of the message, as `Message` stores them; undefined for none. */
  readonly properties?: Buffer | undefined;
  /** Seconds. */
  readonly expiry?: number | undefined;
  /** Seconds between the end of the connection and the will. */
  readonly delay?: number | undefined;
  /** It is one of the properties too. */
  readonly responseTopic?: string | undefined;
}

export interface ConnectPacket {
  readonly version: Version;
  /** It is a bridge of Mosquitto, which says so by a bit of the protocol level. */
  readonly bridge: boolean;
  /** MQTT 5: Clean Start, which says nothing about the end of the session. */
  readonly clean: boolean;
  /** Seconds; 0 for none. */
  readonly keepalive: number;
  readonly clientId: string;
  readonly will: Will | undefined;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** Empty before MQTT 5. */
  readonly properties: Properties;
}

/** The versions of MQTT by their protocol level. */
export const VERSION_NAMES = { 3: '3.1', 4: '3.1.1', 5: '5' } as const;

/** A sentence for the log: what the client speaks, and what to set in it. */
function wrongVersion(protocolName: string, level: number, versions: readonly Version[]): string {
  const spokenLevel = level & ~BRIDGE;
  const is5 = protocolName === 'MQTT' && spokenLevel === 5;
  const spoken = is5 ? 'MQTT 5' : `${protocolName} with level ${spokenLevel}`;
  const bridge = level & BRIDGE ? ' as a bridge' : '';
  const names = versions.map((version) => VERSION_NAMES[version]);
  const last = names.pop();
  const accepted = names.length > 0 ? `${names.join(', ')} and ${last}` : last;
  const best = versions.includes(4) ? 4 : versions.at(-1)!;
  return `it speaks ${spoken}${bridge}, and this listener takes ${accepted}: set its protocol version to ${VERSION_NAMES[best]} (level ${best})`;
}

function versionOf(protocolName: string, level: number): Version | undefined {
  if (protocolName === 'MQIsdp') return level === 3 ? 3 : undefined;
  return level === 4 || level === 5 ? level : undefined;
}

/** Whether this CONNECT says that it has the form of MQTT 5. */
export function isVersion5(source: Buffer, start: number, end: number): boolean {
  const levelAt = start + 6;
  if (levelAt >= end || (source[levelAt]! & ~BRIDGE) !== 5) return false;
  return source.toString('latin1', start, levelAt) === '\0\x04MQTT';
}

/**
 * [MQTT 3.1.1 and 5, section 3.1]. `versions` are those that the listener accepts. Throws with a reason code that has a
 * return code where MQTT 3.1.1 asks for a CONNACK.
 */
export function decodeConnect(
  source: Buffer,
  start: number,
  end: number,
  versions: readonly Version[],
): ConnectPacket {
  const fields = new Fields(source, start, end);
  const protocolName = fields.text();
  if (protocolName !== 'MQTT' && protocolName !== 'MQIsdp') {
    throw new ProtocolError('not an MQTT CONNECT');
  }
  const level = fields.byte();
  const version = versionOf(protocolName, level & ~BRIDGE);
  if (version === undefined || !versions.includes(version)) {
    const reason = wrongVersion(protocolName, level, versions);
    throw new ProtocolError(reason, UNSUPPORTED_VERSION);
  }
  // MQTT 3.1 does not use the reserved flag, nor the will's flags without a will.
  const old = version === 3;
  const sent = fields.byte();
  const flags = old ? sent & (sent & 0x04 ? 0xfe : 0xc2) : sent;
  const keepalive = fields.word();
  checkFlags(flags, version);
  const properties = version === 5 ? decodeProperties(fields, CONNECT) : {};
  checkAuthentication(properties);
  const clientId = fields.text();
  const clean = (flags & 0x02) !== 0;
  const will = flags & 0x04 ? decodeWill(fields, flags, version) : undefined;
  // In MQTT 3.1 the remaining length takes precedence over the flags of user name and password.
  const username = flags & 0x80 && !(old && fields.done) ? fields.text() : undefined;
  const password = flags & 0x40 && !(old && fields.done) ? fields.binary() : undefined;
  if (!fields.done) throw new MalformedPacket('bytes after the end of CONNECT');
  if (clientId === '' && version < 5 && (!clean || old)) {
    throw new ProtocolError('an empty client id needs a clean session', CLIENT_ID_INVALID);
  }
  const bridge = (level & BRIDGE) !== 0;
  return {
    ...{ version, bridge, clean, keepalive, clientId },
    ...{ will, username, password, properties },
  };
}

function checkFlags(flags: number, version: Version): void {
  if (flags & 0x01) throw new MalformedPacket('the reserved CONNECT flag is set');
  const willQos = (flags >> 3) & 3;
  if (willQos === 3) throw new MalformedPacket('will QoS 3');
  if (!(flags & 0x04) && (willQos || flags & 0x20)) {
    throw new MalformedPacket('will flags without a will');
  }
  if (version < 5 && !(flags & 0x80) && flags & 0x40) {
    throw new ProtocolError('a password without a user name');
  }
}

/** [MQTT 5, section 3.1.2.11.10]. */
function checkAuthentication({ authenticationMethod, authenticationData }: Properties): void {
  if (authenticationData !== undefined && authenticationMethod === undefined) {
    throw new ProtocolError('authentication data without a method');
  }
}

function decodeWill(fields: Fields, flags: number, version: Version): Will {
  const properties = version === 5 ? PublishProperties.ofWill(fields) : undefined;
  const topic = decodeTopic(fields.binary());
  const payload = fields.binary();
  properties?.checkPayload(payload, 0, payload.length);
  return {
    ...{ topic, payload, qos: ((flags >> 3) & 3) as Qos, retain: (flags & 0x20) !== 0 },
    ...properties?.toWill(),
  };
}
