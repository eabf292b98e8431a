import { DUP, type PublishPlaces, type Qos, RETAIN } from './codec.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { copyBytes, writePublish } from './publish-encoder.ts';
import type { PublishProperties } from './publish-properties.ts';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

/** Receives the offsets of a PUBLISH of MQTT 5; implemented by `Publication` of the broker. */
export interface PublishPlaces5 extends PublishPlaces {
  /** The properties with their length are at [propertiesStart, payloadStart). */
  propertiesStart: number;
}

const LONGEST_LENGTH = 4;

/**
 * Reads a PUBLISH of MQTT 5 without copying it and without checking its topic; returns the packet identifier, 0 at
 * QoS 0. The topic may be empty where there is an alias.
 */
export function decodePublish5(
  header: number,
  source: Buffer,
  start: number,
  end: number,
  places: PublishPlaces5,
  properties: PublishProperties,
): number {
  const qos = (header >> 1) & 3;
  if (qos === 3) throw new MalformedPacket('PUBLISH with QoS 3');
  // [MQTT-3.3.1-2]; invalid flags make a packet malformed [MQTT-2.1.3-1].
  if (qos === 0 && header & DUP) throw new MalformedPacket('PUBLISH with DUP at QoS 0');
  const topicEnd = start + 2 + ((source[start]! << 8) | source[start + 1]!);
  const propertiesStart = qos === 0 ? topicEnd : topicEnd + 2;
  if (end - start < 2 || propertiesStart >= end)
    throw new MalformedPacket('PUBLISH ends too early');
  let packetId = 0;
  if (qos > 0) {
    packetId = (source[topicEnd]! << 8) | source[topicEnd + 1]!;
    if (packetId === 0) throw new ProtocolError('packet identifier 0');
  }
  let length = source[propertiesStart]!;
  let block = propertiesStart + 1;
  if (length >= 0x80) {
    length &= 0x7f;
    for (let shift = 7; ; shift += 7) {
      const byte = block < end ? source[block++]! : 0x80;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80 && byte > 0) break;
      if (byte === 0 || block >= end || block - propertiesStart === LONGEST_LENGTH) {
        throw new MalformedPacket('the length of the properties is wrong');
      }
    }
  }
  const payloadStart = block + length;
  if (payloadStart > end) throw new MalformedPacket('the properties reach over the packet');
  properties.read(source, block, payloadStart);
  properties.checkPayload(source, payloadStart, end);
  places.at(source, start, topicEnd, payloadStart, end, qos as Qos, (header & RETAIN) !== 0);
  places.propertiesStart = propertiesStart;
  return packetId;
}

/** What a PUBLISH to one client of MQTT 5 has besides the properties of the message. */
export interface AddedProperties {
  /** 0 for none. */
  alias: number;
  /** The client knows the alias: the topic is left out. */
  isAliasKnown: boolean;
  /** Seconds that remain until the message expires; undefined where it does not, or was received in this moment. */
  expiry: number | undefined;
  identifiers: readonly number[];
}

const ALIAS_BYTES = 3;
const TOPIC_ALIAS = 0x23;
const SUBSCRIPTION_IDENTIFIER = 0x0b;

/** The bytes of `added` in a packet. */
function addedBytes({ alias, identifiers }: AddedProperties): number {
  let bytes = alias > 0 ? ALIAS_BYTES : 0;
  for (const identifier of identifiers) bytes += 1 + variableIntBytes(identifier);
  return bytes;
}

/** Where the block of properties begins, after its length, which is at `propertiesStart`. */
export function blockStart(source: Buffer, propertiesStart: number, payloadStart: number): number {
  let at = propertiesStart;
  if (at === payloadStart) return at;
  while (source[at]! >= 0x80) at++;
  return at + 1;
}

/** The Remaining Length of what `writePublish5` writes. */
export function remainingLength5(
  source: Buffer,
  topicBytes: number,
  propertiesStart: number,
  payloadStart: number,
  end: number,
  packetId: number,
  added: AddedProperties,
): number {
  const block = payloadStart - blockStart(source, propertiesStart, payloadStart);
  const properties = block + addedBytes(added);
  const topic = added.isAliasKnown ? 2 : topicBytes;
  const ofProperties = variableIntBytes(properties) + properties;
  return topic + (packetId === 0 ? 0 : 2) + ofProperties + end - payloadStart;
}

/**
 * Writes a PUBLISH of MQTT 5 at `start` from a source where topic length and topic are at [topicStart, topicEnd), the
 * properties with their length at [propertiesStart, payloadStart), which may be empty, and the payload at
 * [payloadStart, end), of which only a part is written where `end` is smaller. `remaining` is its Remaining Length. The
 * target may be the source.
 */
export function writePublish5(
  target: Buffer,
  start: number,
  header: number,
  remaining: number,
  source: Buffer,
  topicStart: number,
  topicEnd: number,
  propertiesStart: number,
  payloadStart: number,
  end: number,
  packetId: number,
  added: AddedProperties,
): void {
  const block = blockStart(source, propertiesStart, payloadStart);
  const ofAdded = addedBytes(added);
  if (ofAdded === 0 && propertiesStart < payloadStart) {
    // As they came: one copy.
    writePublish(
      target,
      start,
      header,
      remaining,
      source,
      topicStart,
      topicEnd,
      propertiesStart,
      end,
      packetId,
    );
    const topicAt = start + 1 + variableIntBytes(remaining);
    const propertiesAt = topicAt + topicEnd - topicStart + (packetId === 0 ? 0 : 2);
    setExpiry(target, propertiesAt + block - propertiesStart, added.expiry);
    return;
  }
  target[start] = header;
  let at = writeVariableInt(target, start + 1, remaining);
  if (added.isAliasKnown) {
    target[at++] = 0;
    target[at++] = 0;
  } else {
    copyBytes(source, topicStart, topicEnd, target, at);
    at += topicEnd - topicStart;
  }
  if (packetId > 0) {
    target[at++] = packetId >> 8;
    target[at++] = packetId;
  }
  const ofBlock = payloadStart - block;
  at = writeVariableInt(target, at, ofBlock + ofAdded);
  copyBytes(source, block, payloadStart, target, at);
  setExpiry(target, at, added.expiry);
  at = writeAdded(target, at + ofBlock, added);
  copyBytes(source, payloadStart, end, target, at);
}

function writeAdded(
  target: Buffer,
  start: number,
  { alias, identifiers }: AddedProperties,
): number {
  let at = start;
  if (alias > 0) {
    target[at++] = TOPIC_ALIAS;
    target[at++] = alias >> 8;
    target[at++] = alias;
  }
  for (const identifier of identifiers) {
    target[at++] = SUBSCRIPTION_IDENTIFIER;
    at = writeVariableInt(target, at, identifier);
  }
  return at;
}

/** A message that expires has its expiry as the first property. */
function setExpiry(target: Buffer, block: number, expiry: number | undefined): void {
  if (expiry !== undefined) target.writeUInt32BE(expiry, block + 1);
}
