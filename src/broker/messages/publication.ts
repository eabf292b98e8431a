import type { Qos } from '../../mqtt/codec.ts';
import { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { continueDigest, DIGEST_START } from './content-digest.ts';
import type { FlowReader } from './flow-control.ts';
import type { PacketBuffer } from './packet-buffer.ts';

/**
 * One PUBLISH that is being delivered, in the buffer in which it arrived: the topic's length and name are at
 * [topicStart, topicEnd), the payload at [payloadStart, end). The object is used again for the next packet, so
 * a subscriber that keeps the message calls `keep()`.
 */
export class Publication {
  source: Buffer = EMPTY;
  topicStart = 0;
  topicEnd = 0;
  payloadStart = 0;
  end = 0;
  qos: Qos = 0;
  retain = false;
  /** Its publisher says that it has sent the message before. */
  dup = false;
  topic = '';
  /** QoS 2 from a persistent publisher: it is sent only when it is on disk, so that a crash can't duplicate it. */
  held = false;
  /** A message of the gateway itself: it is retained even if clients have reached the limit of retained messages. */
  own = false;
  /** The client id of its publisher; only for messages of clients with the retain flag. */
  publisher = '';
  /** How many subscribers its topic has; only for messages of clients. */
  receivers = 0;
  /** It came from a plant's broker. */
  inbound = false;
  /** The bridge that published it and does not get it back. */
  from: Subscriber | null = null;
  /** The acknowledgement that waits for all that this publication puts on disk. */
  pendingAck: PendingAck | null = null;
  #message: Message | null = null;

  /** The message in its own memory, made once for all subscribers that keep it. */
  keep(): Message {
    if (this.#message) return this.#message;
    const topicLength = this.topicEnd - this.topicStart;
    const body = Buffer.allocUnsafe(topicLength + this.end - this.payloadStart);
    copyBytes(this.source, this.topicStart, this.topicEnd, body, 0);
    copyBytes(this.source, this.payloadStart, this.end, body, topicLength);
    this.#message = new Message(body, topicLength, topicLength, null);
    this.#message.pendingAck = this.pendingAck;
    return this.#message;
  }

  /** 32 bits of topic and payload, never 0: distinguishes another message from a repetition of the same one. */
  get digest(): number {
    const { source, topicStart, topicEnd, payloadStart, end } = this;
    const digest = continueDigest(DIGEST_START, source, topicStart, topicEnd);
    return continueDigest(digest, source, payloadStart, end) || 1;
  }

  /** Makes it a packet in a read buffer, whose topic is known later. */
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
    this.dup = false;
    this.held = false;
    this.own = false;
    this.inbound = false;
    this.from = null;
    this.pendingAck = null;
    this.#message = null;
    return this;
  }

  /** Sets it to a message that is in memory already; `keep` copies it. */
  of(message: Message, topic: string, qos: Qos, retain: boolean): this {
    const { body, topicEnd } = message;
    this.topic = topic;
    return this.at(body, 0, topicEnd, topicEnd, body.length, qos, retain);
  }
}

const EMPTY = Buffer.alloc(0);

/** Up to this length a loop is faster than a call of `copy`. */
const FEW_BYTES = 32;

function copyBytes(from: Buffer, start: number, end: number, to: Buffer, offset: number): void {
  if (end - start > FEW_BYTES) {
    from.copy(to, offset, start, end);
    return;
  }
  for (let at = start, place = offset; at < end; at++, place++) to[place] = from[at]!;
}

/** A receiver of publications: a client's session or a part of the gateway itself. */
export interface Subscriber {
  /** For sentences, such as `client hmi`. */
  readonly label?: string;
  /** Its QoS 1 and 2 messages are kept on disk. */
  readonly persistent: boolean;
  /** `qos` is the lower of the publication's QoS and the subscription's. */
  deliver(publication: Publication, qos: Qos): void;
  /** The reader whose publishers have to wait, where its client reads and its queue is long. */
  readonly backlogged: FlowReader | undefined;
}

/** Writes the publication as a PUBLISH packet with this first byte. */
export function writePublication(
  buffer: PacketBuffer,
  publication: Publication,
  header: number,
  packetId: number,
): void {
  const { source, topicStart, topicEnd, payloadStart, end } = publication;
  buffer.publish(header, source, topicStart, topicEnd, payloadStart, end, packetId);
}
