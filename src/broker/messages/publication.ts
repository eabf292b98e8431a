import type { Qos } from '../../mqtt/codec.ts';
import { copyBytes } from '../../mqtt/publish-encoder.ts';
import { MESSAGE_EXPIRY } from '../../mqtt/publish-properties.ts';
import { NO_IDENTIFIERS } from '../../queue/entry-extras.ts';
import { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { continueDigest, DIGEST_START } from './content-digest.ts';
import type { FlowReader } from './flow-control.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import type { Requester } from './requester.ts';
import type { Sender5 } from './sender-5.ts';

/**
 * One PUBLISH that is being delivered, in the buffer in which it arrived: the topic's length and name are at
 * [topicStart, topicEnd), properties with their length at [propertiesStart, payloadStart), which is empty before MQTT 5,
 * and the payload at [payloadStart, end). The object is used again for the next packet, so
 * a subscriber that keeps the message calls `keep()`.
 */
export class Publication {
  source: Buffer = EMPTY;
  topicStart = 0;
  topicEnd = 0;
  propertiesStart = 0;
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
  /** When it expires, in milliseconds of the stored clock; null if it does not. */
  expiresAt: number | null = null;
  /** What the subscription of the present subscriber asks for besides; null before MQTT 5. */
  grant: Grant | null = null;
  /** The number of the group of a shared subscription that gives it to a member; 0 for none. */
  share = 0;
  /** Who has published it, and may ask for an answer with MQTT 5; null for a will and the gateway itself. */
  requester: Requester | null = null;
  /** It came from a plant's broker. */
  inbound = false;
  /** The bridge that published it and does not get it back. */
  from: Subscriber | null = null;
  /** The acknowledgement that waits for all that this publication puts on disk. */
  pendingAck: PendingAck | null = null;
  #message: Message | null = null;
  /** Its bytes are used by nothing else. */
  #isOwn = false;

  /**
   * Makes its bytes last, as those of a payload of more than LARGE_BYTES must. `isOwn`: they are used by nothing else,
   * as those of a packet that shares its buffer with no other; else they are copied, once for all subscribers.
   */
  makeLast(isOwn: boolean): void {
    this.#isOwn = true;
    if (isOwn) return;
    const { topicStart } = this;
    this.source = Buffer.from(this.source.subarray(topicStart, this.end));
    this.topicStart = 0;
    this.topicEnd -= topicStart;
    this.propertiesStart -= topicStart;
    this.payloadStart -= topicStart;
    this.end -= topicStart;
  }

  /** The message in its own memory, made once for all subscribers that keep it. */
  keep(): Message {
    if (this.#message) return this.#message;
    const topicLength = this.topicEnd - this.topicStart;
    // The length of no properties is not kept.
    const hasProperties = this.payloadStart - this.propertiesStart > 1;
    const start = hasProperties ? this.propertiesStart : this.payloadStart;
    const body = this.#isOwn ? this.#bodyInPlace(start) : this.#bodyCopied(start);
    const payloadStart = topicLength + this.payloadStart - start;
    this.#message = new Message(body, topicLength, payloadStart, this.expiresAt);
    this.#message.pendingAck = this.pendingAck;
    return this.#message;
  }

  /** Exchanges the payload: subscribers get this one. */
  replacePayload(payload: Uint8Array): void {
    const { source, topicStart, topicEnd, propertiesStart, payloadStart } = this;
    const topic = source.subarray(topicStart, topicEnd);
    const properties = source.subarray(propertiesStart, payloadStart);
    this.source = Buffer.concat([topic, properties, payload]);
    this.topicStart = 0;
    this.topicEnd = topic.length;
    this.propertiesStart = topic.length;
    this.payloadStart = topic.length + properties.length;
    this.end = this.source.length;
    this.#message = null;
  }

  #bodyCopied(start: number): Buffer {
    const topicLength = this.topicEnd - this.topicStart;
    const body = Buffer.allocUnsafe(topicLength + this.end - start);
    copyBytes(this.source, this.topicStart, this.topicEnd, body, 0);
    copyBytes(this.source, start, this.end, body, topicLength);
    return body;
  }

  /** Moves the topic to what follows it, instead of copying the payload. */
  #bodyInPlace(start: number): Buffer {
    const gap = start - this.topicEnd;
    if (gap > 0) this.source.copyWithin(this.topicStart + gap, this.topicStart, this.topicEnd);
    this.topicStart += gap;
    this.topicEnd = start;
    this.propertiesStart = start;
    return this.source.subarray(this.topicStart, this.end);
  }

  /**
   * 32 bits of topic, payload and properties, never 0: distinguishes another message from a repetition of the same one.
   * Without the expiry, which a client may lower when it repeats.
   */
  get digest(): number {
    const { source, topicStart, topicEnd, payloadStart, end } = this;
    let digest = continueDigest(DIGEST_START, source, topicStart, topicEnd);
    digest = continueDigest(digest, source, payloadStart, end);
    const start = startWithoutExpiry(source, this.propertiesStart, payloadStart);
    if (start < payloadStart) digest = continueDigest(digest, source, start, payloadStart);
    return digest || 1;
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
    this.propertiesStart = payloadStart;
    this.payloadStart = payloadStart;
    this.end = end;
    this.qos = qos;
    this.retain = retain;
    this.dup = false;
    this.held = false;
    this.own = false;
    this.inbound = false;
    this.from = null;
    this.expiresAt = null;
    this.grant = null;
    this.share = 0;
    this.requester = null;
    this.pendingAck = null;
    this.#message = null;
    this.#isOwn = false;
    return this;
  }

  /** Sets it to a message that is in memory already; `keep` copies it. */
  of(message: Message, topic: string, qos: Qos, retain: boolean): this {
    const { body, topicEnd, payloadStart } = message;
    this.topic = topic;
    this.at(body, 0, topicEnd, payloadStart, body.length, qos, retain);
    this.propertiesStart = topicEnd;
    this.expiresAt = message.expiresAt;
    return this;
  }
}

const EMPTY = Buffer.alloc(0);
const EXPIRY_BYTES = 5;

/** Where the properties at [start, end), whose length comes first, begin behind an expiry, which is the first of them. */
function startWithoutExpiry(source: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && source[at]! >= 0x80) at++;
  at++;
  return at < end && source[at] === MESSAGE_EXPIRY ? at + EXPIRY_BYTES : at;
}

/** What the subscriptions of one subscriber that match a message ask for, besides their QoS. */
export interface Grant {
  readonly identifiers: readonly number[];
  readonly retainAsPublished: boolean;
}

/** Where publications to one client are sent. */
export interface PublicationLink {
  readonly sendBuffer: PacketBuffer;
  /** Undefined before MQTT 5. */
  readonly protocol5: Sender5 | undefined;
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

/** Sends the publication with this first byte; false where the client does not take a packet of this size. */
export function sendPublication(
  { sendBuffer, protocol5 }: PublicationLink,
  publication: Publication,
  header: number,
  packetId: number,
): boolean {
  const { source, topicStart, topicEnd, payloadStart, end } = publication;
  if (protocol5 === undefined) {
    sendBuffer.publish(header, source, topicStart, topicEnd, payloadStart, end, packetId);
    return true;
  }
  const { propertiesStart, expiresAt, grant } = publication;
  const identifiers = grant === null ? NO_IDENTIFIERS : grant.identifiers;
  return protocol5.publish(
    header,
    source,
    topicStart,
    topicEnd,
    propertiesStart,
    payloadStart,
    end,
    packetId,
    expiresAt,
    identifiers,
  );
}
