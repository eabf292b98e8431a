import {
  AUTH,
  DISCONNECT,
  DUP,
  decodeAcknowledged,
  PINGREQ,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from '../../mqtt/codec.ts';
import {
  type Acknowledged,
  decodeAcknowledgement,
  decodeAuth,
  decodeDisconnect,
  decodeSubscribe5,
  decodeUnsubscribe5,
} from '../../mqtt/packets-5.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { decodePublish5 } from '../../mqtt/publish-5.ts';
import { copyBytes } from '../../mqtt/publish-encoder.ts';
import type { PublishProperties } from '../../mqtt/publish-properties.ts';
import { hexCode, isError, PACKET_TOO_LARGE, SUCCESS } from '../../mqtt/reason-codes.ts';
import { checkControlCharacters } from '../messages/control-characters.ts';
import { LARGE_BYTES } from '../messages/packet-buffer.ts';
import type { Publication } from '../messages/publication.ts';
import type { ConnectionParts } from './connection-parts.ts';
import type { PacketReceiver } from './packets-3.ts';
import type { Protocol5 } from './protocol-5.ts';

/** Of an AUTH with the longest message of a login, and some user properties. */
const LOGIN_BYTES = 8192;

/** The connection whose packets are taken, after its CONNECT. */
export interface PacketReceiver5 extends PacketReceiver {
  readonly protocol5: Protocol5 | undefined;
  /** The client asks to close the connection and to publish its will. */
  close(reason: string): void;
}

/** Passes a packet of MQTT 5 to its handler; its first byte is at `start`, its body at [body, end). */
export function takePacket5<Receiver extends PacketReceiver5>(
  receiver: Receiver,
  parts: ConnectionParts<Receiver>,
  source: Buffer,
  start: number,
  body: number,
  end: number,
): void {
  const header = source[start]!;
  const type = header >> 4;
  const { handlers } = parts;
  if (receiver.session === undefined) return login(receiver, parts, type, source, body, end);
  switch (type) {
    case PUBLISH:
      return publish(receiver, parts, header, source, body, end);
    case PUBACK:
      return receiver.session!.acknowledged(decode(type, source, body, end).packetId);
    case PUBREC: {
      const { packetId, reasonCode } = decode(type, source, body, end);
      // A refused message is done [MQTT 5, section 4.9].
      if (isError(reasonCode)) receiver.session!.refused(packetId);
      else receiver.session!.received(packetId);
      return;
    }
    case PUBREL:
      return handlers.messages.release(receiver, decode(type, source, body, end).packetId);
    case PUBCOMP:
      return receiver.session!.completed(decode(type, source, body, end).packetId);
    case SUBSCRIBE:
      return handlers.subscriptions.subscribe(receiver, decodeSubscribe5(source, body, end));
    case UNSUBSCRIBE:
      return handlers.subscriptions.unsubscribe(receiver, decodeUnsubscribe5(source, body, end));
    case PINGREQ:
      if (body !== end) throw new ProtocolError('PINGREQ with a body');
      return handlers.control.ping(receiver);
    case DISCONNECT:
      return disconnect(receiver, parts, source, body, end);
    case AUTH:
      return handlers.handshake.authenticate(receiver, decodeAuth(source, body, end));
  }
}

/** Before CONNACK a client may only log in or leave [MQTT-3.1.2-30]. */
function login<Receiver extends PacketReceiver5>(
  receiver: Receiver,
  { handlers }: ConnectionParts<Receiver>,
  type: number,
  source: Buffer,
  body: number,
  end: number,
): void {
  if (end - body > LOGIN_BYTES) {
    throw new ProtocolError(`a packet of ${end - body} bytes during its login`, PACKET_TOO_LARGE);
  }
  if (type === AUTH) {
    return handlers.handshake.authenticate(receiver, decodeAuth(source, body, end));
  }
  if (type !== DISCONNECT) throw new ProtocolError(`a packet of type ${type} during its login`);
  decodeDisconnect(source, body, end);
  receiver.close('disconnected during its login');
}

/** An acknowledgement, which has only a packet identifier in most cases. */
function decode(type: number, source: Buffer, body: number, end: number): Acknowledged {
  if (end - body !== 2) return decodeAcknowledgement(type, source, body, end);
  return { packetId: decodeAcknowledged(source, body, end), reasonCode: SUCCESS };
}

function publish<Receiver extends PacketReceiver5>(
  receiver: Receiver,
  { publication, publishProperties, traffic, handlers, limits }: ConnectionParts<Receiver>,
  header: number,
  source: Buffer,
  body: number,
  end: number,
): void {
  const protocol = receiver.protocol5!;
  const packetId = decodePublish5(header, source, body, end, publication, publishProperties);
  if (packetId > 0) protocol.received();
  const { alias, expiry, responseTopic } = publishProperties;
  if (responseTopic) checkControlCharacters('response topic', responseTopic, limits);
  if (!publishProperties.isStoredForm || publication.topicEnd - publication.topicStart === 2) {
    rewrite(publication, publishProperties, protocol, alias);
  } else if (publication.end - publication.payloadStart > LARGE_BYTES) {
    publication.makeLast(receiver.ownsPacket);
  }
  if (expiry !== undefined) publication.expiresAt = protocol.now + expiry * 1000;
  publication.dup = (header & DUP) !== 0;
  traffic.publishReceived++;
  traffic.publishBytesReceived += publication.end - publication.payloadStart;
  handlers.messages.publish(receiver, publication, packetId);
  receiver.delivered(publication.receivers);
}

/** Where publications are rewritten: until the next one, as in the buffer in which they have come. */
const rewritten = Buffer.allocUnsafeSlow(LARGE_BYTES);

/** Copies the publication to another buffer, with the topic of its alias and with properties in their stored form. */
function rewrite(
  publication: Publication,
  properties: PublishProperties,
  { aliases }: Protocol5,
  alias: number,
): void {
  const { source, topicStart, topicEnd, payloadStart, end, qos, retain } = publication;
  if (alias === 0 && topicEnd - topicStart === 2) {
    throw new ProtocolError('PUBLISH with neither a topic nor an alias');
  }
  const topic =
    alias === 0
      ? source.subarray(topicStart, topicEnd)
      : aliases.resolve(alias, source, topicStart, topicEnd);
  const { length } = topic;
  const bytes = length + properties.storedBytes + end - payloadStart;
  const isLarge = bytes > LARGE_BYTES;
  const target = isLarge ? Buffer.allocUnsafeSlow(bytes) : rewritten;
  copyBytes(topic, 0, length, target, 0);
  const payloadAt = properties.writeStored(target, length);
  copyBytes(source, payloadStart, end, target, payloadAt);
  publication.at(target, 0, length, payloadAt, bytes, qos, retain);
  publication.propertiesStart = length;
  if (isLarge) publication.makeLast(true);
}

function disconnect<Receiver extends PacketReceiver5>(
  receiver: Receiver,
  { handlers }: ConnectionParts<Receiver>,
  source: Buffer,
  body: number,
  end: number,
): void {
  const { reasonCode, sessionExpiry } = decodeDisconnect(source, body, end);
  if (sessionExpiry !== undefined) handlers.handshake.setSessionExpiry(receiver, sessionExpiry);
  if (reasonCode !== SUCCESS) {
    receiver.close(`disconnected with reason code ${hexCode(reasonCode)}`);
    return;
  }
  receiver.leave();
  handlers.control.disconnect(receiver);
}
