import { PUBREL_HEADER, type Qos } from '../../mqtt/codec.ts';
import { ProtocolError } from '../../mqtt/protocol-error.ts';
import { PACKET_ID_NOT_FOUND } from '../../mqtt/reason-codes.ts';
import type { BoundedQueue, BoundedQueueOwner } from '../../queue/bounded-queue.ts';
import type { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { QueueEntry, UNWRITTEN } from '../../queue/queue-entry.ts';
import type { Journal } from '../../store/commit/journal.ts';
import { PacketIdMap } from './packet-id-map.ts';
import { type Publication, type PublicationLink, sendPublication } from './publication.ts';

/** The functions of a connection that a session needs. */
export interface Link extends PublicationLink {
  /** Sends an acknowledgement, after all acknowledgements before it; the reason code is only for MQTT 5. */
  acknowledge(header: number, packetId: number, reasonCode?: number): void;
  /** The same, when the returned PendingAck is done. */
  ackWhenStored(header: number, packetId: number, reasonCode?: number): PendingAck;
}

export interface DeliveriesParts {
  readonly journal: Journal;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** A message was acknowledged so many milliseconds after its arrival. */
  delivered?(ms: number): void;
  /** Moves a message that can't be sent to the refused messages. */
  setAside(message: Message, to: string, error: unknown): void;
}

/** The session whose messages they are; `label` is for sentences. */
export type DeliveriesOwner = BoundedQueueOwner & { readonly label: string };

const PACKET_IDS = 65_535;
/** First byte of a PUBLISH, without its flags, and the flag DUP. */
const PUBLISH = 0x30;
const DUP = 8;

/** A message in flight: an entry, or only the QoS for a clean session, to which nothing is sent twice. */
type Slot = QueueEntry | 1 | 2 | typeof PUBREL_SENT;
const PUBREL_SENT = 3;

/** The messages that were sent to one client and are not acknowledged [MQTT 3.1.1, section 4.3]. */
export class Deliveries {
  readonly #owner: DeliveriesOwner;
  readonly #parts: DeliveriesParts;
  readonly #window = new PacketIdMap<Slot>();
  #seq: number;
  /** Messages whose delivery has ended. */
  acknowledgements = 0;
  /** Messages of an earlier connection that are sent again when the client has acknowledged others. */
  #resuming: QueueEntry[] = [];
  /** How many of them the client takes now. */
  #places = 0;
  /** Those whose PUBREL was all that was sent again: their end gives no place for a message. */
  #released: Set<QueueEntry> | undefined;

  /** `lastSeq` is the last sequence number in use. */
  constructor(owner: DeliveriesOwner, parts: DeliveriesParts, lastSeq: number) {
    this.#owner = owner;
    this.#parts = parts;
    this.#seq = lastSeq;
  }

  /** Messages in flight. */
  get size(): number {
    return this.#window.size;
  }

  /** The last sequence number in use. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** What is in flight and was not received yet; without what a clean session was sent at once. */
  *entries(): Iterable<QueueEntry> {
    for (const slot of this.#window.values()) {
      if (slot instanceof QueueEntry && !slot.released) yield slot;
    }
  }

  /** Entries with QoS 1 that were sent and not acknowledged: their client may have received them. */
  *unacknowledged(): Iterable<QueueEntry> {
    for (const entry of this.entries()) if (entry.qos === 1) yield entry;
  }

  /** Whether the entry of this number is in flight and was not received yet. */
  isUndelivered(seq: number): boolean {
    const slot = this.#window.get(packetIdOf(seq));
    return slot instanceof QueueEntry && slot.seq === seq && !slot.released;
  }

  /**
   * The next sequence number whose packet identifier is not in flight [MQTT-2.3.1-4].
   * If all identifiers are in flight, the entry stays in the queue until its own is free.
   */
  nextSeq(): number {
    do this.#seq++;
    while (this.#window.size < PACKET_IDS && this.#window.has(packetIdOf(this.#seq)));
    return this.#seq;
  }

  /**
   * Sends queued messages as far as the window of `inflight`, the socket and the disk allow; `left` is called for each
   * that has left the queue. One that can't be sent is set aside; the others follow in another turn. One that the client
   * does not take, because of its size, is dropped.
   */
  sendQueued(
    link: Link,
    queue: BoundedQueue,
    inflight: number,
    left: (entry: QueueEntry) => void,
  ): void {
    let entry: QueueEntry | undefined;
    try {
      while (this.#window.size < inflight && !link.sendBuffer.congested) {
        entry = undefined;
        entry = queue.next();
        if (!entry) return;
        const packetId = packetIdOf(entry.seq);
        if (this.#window.has(packetId)) return;
        const isSent = this.#transmit(link, entry, packetId);
        // After it has been sent: what throws in between is not in flight.
        if (isSent) this.#window.set(packetId, entry);
        queue.shift();
        if (isSent) left(entry);
        else this.#owner.dropped(entry, 'too-large');
      }
    } catch (error) {
      const failed = entry ?? queue.peek();
      if (!failed) throw error;
      queue.shift();
      left(failed);
      this.#setAside(failed, error);
      setImmediate(() => this.#owner.ready());
    }
  }

  #setAside(entry: QueueEntry, error: unknown): void {
    const { journal, setAside } = this.#parts;
    setAside(entry.message, this.#owner.label, error);
    if (entry.owner) journal.discard(entry);
  }
  /** Sends a clean session's message without an entry; false where the client does not take a packet of this size. */
  sendOnce(link: Link, publication: Publication, qos: Exclude<Qos, 0>, retain: boolean): boolean {
    const packetId = packetIdOf(this.nextSeq());
    const header = PUBLISH | (qos << 1) | (retain ? 1 : 0);
    if (!sendPublication(link, publication, header, packetId)) return false;
    this.#window.set(packetId, qos);
    return true;
  }

  /**
   * Sends again, in order, the messages that were sent on an earlier connection [MQTT-4.4.0-1], at first not more than
   * the client takes.
   */
  resume(link: Link): void {
    const resumed: QueueEntry[] = [];
    for (const slot of this.#window.values()) if (slot instanceof QueueEntry) resumed.push(slot);
    resumed.sort((a, b) => a.seq - b.seq);
    this.#resuming = [];
    this.#released = new Set();
    const most = link.protocol5?.receiveMaximum ?? resumed.length;
    let sent = 0;
    for (const entry of resumed) {
      if (!entry.released && sent >= most) this.#resuming.push(entry);
      else if (this.#sendAgain(link, entry)) {
        if (entry.released) this.#released.add(entry);
        else sent++;
      }
    }
    this.#places = most - sent;
    if (this.#resuming.length === 0) this.#released = undefined;
  }

  /** The client takes one more message: sends the next of those that are still to be sent again. */
  resumeNext(link: Link): void {
    if (this.#resuming.length === 0) return;
    while (this.#places > 0 && this.#resuming.length > 0) {
      const entry = this.#resuming.shift()!;
      const isInFlight = this.#window.get(packetIdOf(entry.seq)) === entry;
      if (isInFlight && this.#sendAgain(link, entry)) this.#places--;
    }
    if (this.#resuming.length === 0) this.#released = undefined;
  }

  /** False where the message can't be sent or is larger than the client takes: it is not in flight any more. */
  #sendAgain(link: Link, entry: QueueEntry): boolean {
    const packetId = packetIdOf(entry.seq);
    try {
      if (this.#transmit(link, entry, packetId)) return true;
      this.#window.delete(packetId);
      // As if the client had acknowledged it [MQTT-3.1.2-25].
      this.#owner.dropped(entry, 'too-large');
    } catch (error) {
      this.#window.delete(packetId);
      this.#setAside(entry, error);
    }
    return false;
  }

  /** Sends an entry; false where the client does not take a packet of this size. */
  #transmit(link: Link, entry: QueueEntry, packetId: number): boolean {
    if (entry.released) {
      this.#release(link, entry, packetId);
      return true;
    }
    const header =
      PUBLISH |
      (entry.sent || entry.repeated ? DUP : 0) |
      (entry.qos << 1) |
      (entry.retain ? 1 : 0);
    if (!sendEntry(link, entry, header, packetId)) return false;
    entry.sent = true;
    if (entry.seq > this.#owner.sent) this.#owner.sent = entry.seq;
    // An entry that is not written yet is written with the flag.
    if (entry.written !== UNWRITTEN) this.#parts.journal.markSent(this.#owner);
    return true;
  }

  /** PUBACK: the message has arrived. Returns whether one was in flight; throws ProtocolError where it had QoS 2. */
  acknowledged(packetId: number): boolean {
    const slot = this.#window.get(packetId);
    if (slot === undefined) return false;
    if (slot !== 1 && !(slot instanceof QueueEntry && slot.qos === 1)) {
      throw new ProtocolError('PUBACK for a QoS 2 message');
    }
    this.#done(packetId, slot);
    return true;
  }

  /**
   * PUBREC: PUBREL answers it, once it is on disk that the message itself is not to be sent again; also where no
   * message is in flight, for an earlier connection may have had its PUBREC. Throws ProtocolError where it had QoS 1.
   */
  received(link: Link, packetId: number): void {
    const slot = this.#window.get(packetId);
    if (slot === 1 || (slot instanceof QueueEntry && slot.qos === 1)) {
      throw new ProtocolError('PUBREC for a QoS 1 message');
    }
    if (slot === 2) this.#window.set(packetId, PUBREL_SENT);
    if (slot instanceof QueueEntry) {
      const first = !slot.released;
      slot.released = true;
      if (first && slot.owner) this.#parts.journal.add(['released', slot.owner.key, slot.seq]);
      this.#release(link, slot, packetId);
    } else link.acknowledge(PUBREL_HEADER, packetId, slot === undefined ? PACKET_ID_NOT_FOUND : 0);
  }

  /** PUBREC with an error: the client will not take the message. Returns whether one was in flight. */
  refused(packetId: number): boolean {
    const slot = this.#window.get(packetId);
    if (slot === undefined) return false;
    if (slot !== 2 && !(slot instanceof QueueEntry && slot.qos === 2)) {
      throw new ProtocolError('PUBREC for a QoS 1 message');
    }
    this.#done(packetId, slot);
    return true;
  }

  /** Sends PUBREL when it is on disk that PUBREC was received, maybe on the connection before. */
  #release(link: Link, entry: QueueEntry, packetId: number): void {
    if (!entry.owner) return link.acknowledge(PUBREL_HEADER, packetId);
    const pendingAck = link.ackWhenStored(PUBREL_HEADER, packetId);
    this.#parts.journal.notifyAfterCommit(pendingAck, true);
    pendingAck.done();
  }

  /** PUBCOMP: the message has arrived exactly once. Returns whether one was in flight; throws ProtocolError before PUBREL. */
  completed(packetId: number): boolean {
    const slot = this.#window.get(packetId);
    if (slot === undefined) return false;
    if (slot !== PUBREL_SENT && !(slot instanceof QueueEntry && slot.released)) {
      throw new ProtocolError('PUBCOMP for a message without PUBREL');
    }
    this.#done(packetId, slot);
    return true;
  }

  #done(packetId: number, slot: Slot): void {
    this.#window.delete(packetId);
    this.acknowledgements++;
    if (this.#resuming.length > 0 && !this.#released?.has(slot as QueueEntry)) this.#places++;
    if (!(slot instanceof QueueEntry) || !slot.owner) return;
    const { journal, delivered, now } = this.#parts;
    journal.discard(slot);
    delivered?.(now() - slot.at);
  }
}

/** Sends the message of an entry; false where the client does not take a packet of this size. */
function sendEntry(link: Link, entry: QueueEntry, header: number, packetId: number): boolean {
  const { sendBuffer, protocol5 } = link;
  const { body, topicEnd, payloadStart, expiresAt } = entry.message;
  if (protocol5 === undefined) {
    sendBuffer.publish(header, body, 0, topicEnd, payloadStart, body.length, packetId);
    return true;
  }
  const { identifiers } = entry;
  return protocol5.publish(
    header,
    body,
    0,
    topicEnd,
    topicEnd,
    payloadStart,
    body.length,
    packetId,
    expiresAt,
    identifiers,
  );
}

function packetIdOf(seq: number): number {
  return ((seq - 1) % PACKET_IDS) + 1;
}
