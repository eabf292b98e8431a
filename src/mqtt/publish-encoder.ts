import { DUP, PUBLISH_HEADER, PUBREL_HEADER, RETAIN } from './codec.ts';
import { variableIntBytes, writeVariableInt } from './variable-int.ts';

/** One PUBLISH to the plant. */
export interface OutgoingPublish {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly topic: Buffer;
  /** The payload is at [start, end of body). */
  readonly body: Buffer;
  readonly start: number;
  /** MQTT 5 properties without their length; undefined for MQTT 3.1.1. */
  readonly properties: Buffer | undefined;
}

/** Bytes of a packet with this Remaining Length. */
export function packetBytes(remaining: number): number {
  return 1 + variableIntBytes(remaining) + remaining;
}

/**
 * Writes a PUBLISH of MQTT 3.1.1 at `start` from a source where topic length and topic are at [topicStart, topicEnd)
 * and the payload at [payloadStart, end). `remaining` is its Remaining Length, `packetId` is 0 at QoS 0.
 * The target may be the source. With a smaller `end` only the beginning of the packet is written.
 */
export function writePublish(
  target: Buffer,
  start: number,
  header: number,
  remaining: number,
  source: Buffer,
  topicStart: number,
  topicEnd: number,
  payloadStart: number,
  end: number,
  packetId: number,
): void {
  const idBytes = packetId === 0 ? 0 : 2;
  target[start] = header;
  const at = writeVariableInt(target, start + 1, remaining);
  const idAt = at + topicEnd - topicStart;
  if (payloadStart === topicEnd + idBytes) {
    copyBytes(source, topicStart, end, target, at);
  } else if (payloadStart === topicEnd) {
    // One copy of all and a short one back take half the time of two copies.
    copyBytes(source, topicStart, end, target, at + idBytes);
    target.copyWithin(at, at + idBytes, idAt + idBytes);
  } else {
    copyBytes(source, topicStart, topicEnd, target, at);
    copyBytes(source, payloadStart, end, target, idAt + idBytes);
  }
  if (idBytes > 0) {
    target[idAt] = packetId >> 8;
    target[idAt + 1] = packetId;
  }
}

/** Up to this length a loop is faster than a call of `copy`. */
const FEW_BYTES = 32;

/** Copies [start, end) of the source to `at` of the target, which may be the source. */
export function copyBytes(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): void {
  if (source === target) target.copyWithin(at, start, end);
  else if (end - start <= FEW_BYTES) {
    for (let from = start, to = at; from < end; from++, to++) target[to] = source[from]!;
  } else if (start === 0 && end === source.length) target.set(source, at);
  else source.copy(target, at, start, end);
}

/** Bytes of the whole packet [MQTT 5, section 2.1.4]. */
export function publishSize(packet: OutgoingPublish): number {
  return packetBytes(remainingLength(packet));
}

/** A PUBLISH packet [MQTT 3.1.1 and 5, section 3.3]. */
export function encodePublish(packet: OutgoingPublish): Buffer {
  const { qos, retain, dup, packetId, topic, body, start, properties } = packet;
  const remaining = remainingLength(packet);
  const bytes = Buffer.allocUnsafe(packetBytes(remaining));
  bytes[0] = PUBLISH_HEADER | (dup ? DUP : 0) | (qos << 1) | (retain ? RETAIN : 0);
  let at = writeVariableInt(bytes, 1, remaining);
  at = bytes.writeUInt16BE(topic.length, at);
  at += topic.copy(bytes, at);
  if (qos > 0) at = bytes.writeUInt16BE(packetId, at);
  if (properties) {
    at = writeVariableInt(bytes, at, properties.length);
    at += properties.copy(bytes, at);
  }
  body.copy(bytes, at, start);
  return bytes;
}

/** A PUBREL packet; in MQTT 5 it means reason code 0 [MQTT 5, section 3.6.2.1]. */
export function encodePubrel(packetId: number): Buffer {
  return Buffer.from([PUBREL_HEADER, 2, packetId >> 8, packetId & 0xff]);
}

/** One user property [MQTT 5, section 3.3.2.3.7]. */
export function encodeUserProperty(name: string, value: string): Buffer {
  const parts = [name, value].map((word) => {
    const bytes = Buffer.from(word);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  });
  return Buffer.concat([Buffer.from([0x26]), ...parts]);
}

function remainingLength({ qos, topic, body, start, properties }: OutgoingPublish): number {
  const ofProperties = properties ? variableIntBytes(properties.length) + properties.length : 0;
  return 2 + topic.length + (qos > 0 ? 2 : 0) + ofProperties + body.length - start;
}
