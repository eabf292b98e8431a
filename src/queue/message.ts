import type { PendingAck } from './pending-ack.ts';

/**
 * An application message as it is in memory and on disk: topic length (2 bytes), topic, properties, payload. The
 * properties of MQTT 5 have their length in front, as in a PUBLISH; without properties there is no length.
 */
export class Message {
  readonly body: Buffer;
  /** Where the topic ends and the properties begin. */
  readonly topicEnd: number;
  readonly payloadStart: number;
  /** When it expires, in milliseconds of the stored clock; null if it does not. */
  readonly expiresAt: number | null;
  /** How many queues on disk contain it; if more than one, its body is stored once for all. */
  holders = 0;
  /** Its number among the shared bodies on disk; 0 until it has one. */
  id = 0;
  /** The publisher's acknowledgement, which waits until every queue on disk has the message. */
  pendingAck: PendingAck | null = null;

  constructor(body: Buffer, topicEnd: number, payloadStart: number, expiresAt: number | null) {
    this.body = body;
    this.topicEnd = topicEnd;
    this.payloadStart = payloadStart;
    this.expiresAt = expiresAt;
  }

  /** A copy of the body without the properties, as before MQTT 5. */
  get plainBody(): Uint8Array {
    const { body, topicEnd, payloadStart } = this;
    const plain = new Uint8Array(topicEnd + body.length - payloadStart);
    plain.set(body.subarray(0, topicEnd));
    plain.set(body.subarray(payloadStart), topicEnd);
    return plain;
  }

  /** The same message for another place, which the publisher's acknowledgement does not wait for. */
  copy(): Message {
    return new Message(this.body, this.topicEnd, this.payloadStart, this.expiresAt);
  }
}

const NO_PROPERTIES = new Uint8Array(0);

/** A message from a topic, a payload, and properties with their length in front. */
export function createMessage(
  topic: string,
  payload: Uint8Array,
  properties: Uint8Array = NO_PROPERTIES,
  expiresAt: number | null = null,
): Message {
  const length = Buffer.byteLength(topic);
  const topicEnd = 2 + length;
  const payloadStart = topicEnd + properties.length;
  const body = Buffer.allocUnsafe(payloadStart + payload.length);
  body.writeUInt16BE(length, 0);
  body.write(topic, 2);
  body.set(properties, topicEnd);
  body.set(payload, payloadStart);
  return new Message(body, topicEnd, payloadStart, expiresAt);
}

/** A message from a body as it is stored. */
export function storedMessage(
  body: Buffer,
  hasProperties: boolean,
  expiresAt: number | null,
): Message {
  const topicEnd = 2 + ((body[0]! << 8) | body[1]!);
  const payloadStart = hasProperties ? payloadStartOf(body, topicEnd) : topicEnd;
  return new Message(body, topicEnd, payloadStart, expiresAt);
}

/** Where the payload begins in a body whose properties begin at `topicEnd`; at the end in a damaged one. */
export function payloadStartOf(body: Uint8Array, topicEnd: number): number {
  let length = 0;
  let at = topicEnd;
  for (let unit = 1; at < body.length; unit *= 128) {
    const byte = body[at++]!;
    length += (byte & 0x7f) * unit;
    if (byte < 0x80) break;
  }
  return Math.min(at + length, body.length);
}
