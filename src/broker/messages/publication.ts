import type { Qos } from '../../mqtt/codec.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { Message } from '../../queue/queue-entry.ts';

/**
 * One PUBLISH on its way to its subscribers, read where it lies: the topic's length and name at
 * [topicStart, topicEnd), the payload at [payloadStart, end). Re-used from packet to packet, so whoever
 * keeps anything takes `message()`.
 */
export class Publication {
  source: Buffer = EMPTY;
  topicStart = 0;
  topicEnd = 0;
  payloadStart = 0;
  end = 0;
  qos: Qos = 0;
  retain = false;
  topic = '';
  /** A persistent publisher's QoS 2: nobody is sent it before it is on disk, so that a crash can't double it. */
  held = false;
  /** The gateway's own: no client's flood of retained messages keeps it out. */
  own = false;
  /** It came from a plant. */
  inbound = false;
  /** The acknowledgement that waits for all that this publication puts on disk. */
  pendingAck: PendingAck | null = null;
  #message: Message | null = null;

  /** The message in memory of its own, made once for all who keep it. */
  keep(): Message {
    if (this.#message) return this.#message;
    const topicLength = this.topicEnd - this.topicStart;
    const body = Buffer.allocUnsafe(topicLength + this.end - this.payloadStart);
    copyBytes(this.source, this.topicStart, this.topicEnd, body, 0);
    copyBytes(this.source, this.payloadStart, this.end, body, topicLength);
    this.#message = new Message(body, topicLength);
    this.#message.pendingAck = this.pendingAck;
    return this.#message;
  }

  /** Stands for a packet in a read buffer; its topic is known later. */
  at(
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    payloadStart: number,
    end: number,
    qos: Qos,
    retain: boolean,
  ): this {
    this.source = source;
    this.topicStart = topicStart;
    this.topicEnd = topicEnd;
    this.payloadStart = payloadStart;
    this.end = end;
    this.qos = qos;
    this.retain = retain;
    this.held = false;
    this.own = false;
    this.inbound = false;
    this.pendingAck = null;
    this.#message = null;
    return this;
  }

  /** Stands for a message that is in memory already; `keep` copies it. */
  of(message: Message, topic: string, qos: Qos, retain: boolean): this {
    const { body, topicEnd } = message;
    this.topic = topic;
    return this.at(body, 0, topicEnd, topicEnd, body.length, qos, retain);
  }
}

const EMPTY = Buffer.alloc(0);

/** Up to here a loop takes less time than the call of `copy`. */
const FEW_BYTES = 32;

function copyBytes(from: Buffer, start: number, end: number, to: Buffer, offset: number): void {
  if (end - start > FEW_BYTES) {
    from.copy(to, offset, start, end);
    return;
  }
  for (let at = start, place = offset; at < end; at++, place++) to[place] = from[at]!;
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

/** Whoever is sent publications: a client's session or a part of the gateway itself. */
export interface Subscriber {
  /** Its QoS 1 and 2 messages are kept on disk. */
  readonly persistent: boolean;
  /** `qos` is the lower of the publication's and the subscription's. */
  deliver(publication: Publication, qos: Qos): void;
}
