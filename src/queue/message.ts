import type { PendingAck } from './pending-ack.ts';

/** An application message as it is in memory and on disk: topic length (2 bytes), topic, payload. */
export class Message {
  readonly body: Buffer;
  /** Where the topic ends and the payload begins. */
  readonly topicEnd: number;
  /** How many queues on disk contain it; if more than one, its body is stored once for all. */
  holders = 0;
  /** Its number among the shared bodies on disk; 0 until it has one. */
  id = 0;
  /** The publisher's acknowledgement, which waits until every queue on disk has the message. */
  pendingAck: PendingAck | null = null;

  constructor(body: Buffer, topicEnd: number) {
    this.body = body;
    this.topicEnd = topicEnd;
  }
}

/** A message from a topic and a payload. */
export function createMessage(topic: string, payload: Uint8Array): Message {
  const length = Buffer.byteLength(topic);
  const body = Buffer.allocUnsafe(2 + length + payload.length);
  body.writeUInt16BE(length, 0);
  body.write(topic, 2);
  body.set(payload, 2 + length);
  return new Message(body, 2 + length);
}

/** A message from a body as it is stored. */
export function storedMessage(body: Buffer): Message {
  return new Message(body, 2 + ((body[0]! << 8) | body[1]!));
}
