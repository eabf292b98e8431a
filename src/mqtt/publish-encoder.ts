/** One PUBLISH on its way to the plant. */
export interface OutgoingPublish {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 0 at QoS 0. */
  readonly packetId: number;
  readonly topic: Buffer;
  /** The payload lies at [start, end of body). */
  readonly body: Buffer;
  readonly start: number;
  /** MQTT 5 properties without their length; undefined for MQTT 3.1.1. */
  readonly properties: Buffer | undefined;
}

/** Bytes of the whole packet [MQTT 5, section 2.1.4]. */
export function publishSize(packet: OutgoingPublish): number {
  const remaining = remainingLength(packet);
  return 1 + variableBytes(remaining) + remaining;
}

/** A PUBLISH packet [MQTT 3.1.1 and 5, section 3.3]. */
export function encodePublish(packet: OutgoingPublish): Buffer {
  const { qos, retain, dup, packetId, topic, body, start, properties } = packet;
  const remaining = remainingLength(packet);
  const frame = Buffer.allocUnsafe(1 + variableBytes(remaining) + remaining);
  frame[0] = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  let at = writeVariable(frame, 1, remaining);
  at = frame.writeUInt16BE(topic.length, at);
  at += topic.copy(frame, at);
  if (qos > 0) at = frame.writeUInt16BE(packetId, at);
  if (properties) {
    at = writeVariable(frame, at, properties.length);
    at += properties.copy(frame, at);
  }
  body.copy(frame, at, start);
  return frame;
}

/** A PUBREL packet; in MQTT 5 it means reason code 0 [MQTT 5, section 3.6.2.1]. */
export function encodePubrel(packetId: number): Buffer {
  return Buffer.from([0x62, 2, packetId >> 8, packetId & 0xff]);
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
  const ofProperties = properties ? variableBytes(properties.length) + properties.length : 0;
  return 2 + topic.length + (qos > 0 ? 2 : 0) + ofProperties + body.length - start;
}

function variableBytes(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}

function writeVariable(frame: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest >>= 7) frame[at++] = (rest & 127) | 128;
  frame[at++] = rest;
  return at;
}
