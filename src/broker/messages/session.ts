import type { Qos } from '../../mqtt/codec.ts';
import { BoundedQueue, type BoundedQueueOwner, type QueueDrop } from '../../queue/bounded-queue.ts';
import { IDENTIFIER_BYTES, NO_IDENTIFIERS } from '../../queue/entry-extras.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import { ENTRY_BYTES, QueueEntry } from '../../queue/queue-entry.ts';
import { deleteStored, type ReportShare } from '../../store/commit/queue-deletion.ts';
import { Deliveries, type Link } from './deliveries.ts';
import { type FlowReader, ReaderFlow } from './flow-control.ts';
import { type Publication, type Subscriber, sendPublication } from './publication.ts';
import { RetainedFeed, type Subscribed } from './retained-feed.ts';
import type { DropReason, SessionContext, SessionParts } from './session-parts.ts';
import { SessionState } from './session-state.ts';
import { WaitingCopies } from './waiting-copies.ts';

/** Messages in the queue of a clean session above which it holds up its publishers while memory is short. */
const TIGHT_MESSAGES = 16;

/** One client's state [MQTT 3.1.1, section 4.1]: subscriptions, messages in flight, queued messages. */
export class Session extends SessionState implements Subscriber, BoundedQueueOwner, FlowReader {
  readonly queue: BoundedQueue;
  #copies: WaitingCopies | undefined;
  readonly flow: ReaderFlow;
  #link: Link | undefined;
  readonly deliveries: Deliveries;
  #pumping = false;
  /** Bytes of entries that are not on disk. */
  #inMemory = 0;
  #retainedFeed: RetainedFeed | undefined;
  readonly #context: SessionContext;

  constructor(parts: SessionParts) {
    super(parts);
    const { context, persistent, stored } = parts;
    const { limits, load, now } = context;
    this.#context = context;
    const lastSeq = stored ? Math.max(stored.sent, stored.queue.last) : 0;
    this.deliveries = new Deliveries(this, context, lastSeq);
    const memoryBytes = persistent ? Number.POSITIVE_INFINITY : limits.queueMemoryPerClient;
    this.flow = new ReaderFlow(limits, memoryBytes / 2);
    this.queue = new BoundedQueue({ owner: this, limits, memoryBytes, load, now }, stored?.queue);
  }

  /** The retained messages that wait for the client already. */
  get copies(): WaitingCopies {
    this.#copies ??= new WaitingCopies({ queue: this.queue, deliveries: this.deliveries });
    return this.#copies;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  get online(): boolean {
    return this.#link !== undefined;
  }

  get inflight(): number {
    return this.deliveries.size;
  }

  /** CONNACK is sent: first sends the messages that an earlier connection did not acknowledge [MQTT-4.4.0-1]. */
  connect(link: Link): void {
    this.#link = link;
    this.opening = false;
    this.onlineSince = this.#context.now();
    this.flow.begin(this.queue);
    this.deliveries.resume(link);
    this.#pump();
    if (this.isMember) this.#context.shares.came(this);
  }

  disconnect(): void {
    this.#link = undefined;
    this.opening = false;
    this.#context.flow.leave(this);
    this.#retainedFeed?.clear();
    this.#retainedFeed = undefined;
    this.#copies?.clear();
    this.awaySince = this.#context.now();
    if (this.persistent) {
      this.#context.journal.flushSoon(this);
      this.queue.unload();
    }
    if (this.isMember) this.#context.shares.went(this);
  }

  deliver(publication: Publication, qos: Qos): void {
    const link = this.#link;
    const retain = this.keepsRetain(publication);
    if (qos === 0) {
      if (!link) return;
      // QoS 0: a message that can't be sent now is dropped and counted.
      if (link.sendBuffer.congested) this.drop('slow-reader');
      else if (!sendPublication(link, publication, retain ? 0x31 : 0x30, 0)) this.drop('too-large');
      return;
    }
    if (this.persistent) this.enqueue(publication, qos, retain, publication.held || qos === 2);
    else if (link) {
      // A group's message is kept until it is acknowledged: another member gets it where this client goes.
      const full = publication.share > 0 || this.deliveries.size >= this.mostInFlight;
      if (full || this.queue.count > 0 || link.sendBuffer.congested) {
        this.enqueue(publication, qos, retain, false);
        return;
      }
      if (!this.deliveries.sendOnce(link, publication, qos, retain)) this.drop('too-large');
    }
  }

  /** Whether the client gets the message with the retain flag. */
  keepsRetain({ retain, grant }: Publication): boolean {
    return retain && (this.bridge || grant?.retainAsPublished === true);
  }

  get backlogged(): FlowReader | undefined {
    const link = this.#link;
    const { count } = this.queue;
    // Most messages find no queue, and this is asked for each.
    if (!link || (count === 0 && !link.sendBuffer.backlogged) || this.flow.slow) return undefined;
    const { bytes } = this.queue;
    const isLong =
      link.sendBuffer.backlogged ||
      (count > 0 && this.flow.isAbove(count, bytes)) ||
      (count > TIGHT_MESSAGES && !this.persistent && this.#context.memory.isTight);
    return isLong ? this : undefined;
  }

  get unread(): number {
    return this.#link?.sendBuffer.unread ?? 0;
  }

  get taken(): number {
    return this.#link?.sendBuffer.taken ?? 0;
  }

  get waitsForDisk(): boolean {
    const link = this.#link;
    const hasRoom = link !== undefined && this.deliveries.size < this.mostInFlight;
    return this.queue.count > 0 && hasRoom && !this.queue.next();
  }

  /** Publishers continue when the client has read enough. */
  #releasePublishers(): void {
    const { count, bytes } = this.queue;
    if (this.#link?.sendBuffer.backlogged || !this.flow.isBelow(count, bytes)) return;
    this.#context.flow.release(this);
    this.flow.lower(this.queue);
  }

  /** Sends retained messages at QoS 0 as fast as the client reads, once for each filter [MQTT-3.8.4-4]. */
  feed(subscribed: Subscribed): void {
    // Filters of a client that has unsubscribed already count for no limit: only one of them may wait.
    if (this.#retainedFeed && !this.subscriptions.has(subscribed.filter)) return;
    this.#retainedFeed ??= new RetainedFeed(this.#context, (message, error) =>
      this.#context.setAside(message, this.label, error),
    );
    this.#retainedFeed.add(subscribed);
    this.#pump();
  }

  /** The client has unsubscribed: retained messages that were not sent yet are not sent any more. */
  endFeed(filter: string): void {
    this.#retainedFeed?.remove(filter);
  }

  /** Adds a message to the queue; `held` until it is on disk. `repeated`: a member of its group may have been sent it. */
  enqueue(
    publication: Publication,
    qos: 1 | 2,
    retain: boolean,
    held: boolean,
    repeated = false,
  ): void {
    if (this.isOver) return;
    const { journal, memory, now } = this.#context;
    const message = publication.keep();
    const identifiers = publication.grant?.identifiers ?? NO_IDENTIFIERS;
    const size = message.body.length + identifiers.length * IDENTIFIER_BYTES;
    if (!this.queue.makeRoom(size, publication.topic)) return this.drop('queue-full');
    const owner = this.persistent ? this : null;
    if (!owner && !memory.hasRoom(size, this.flow.slow)) return this.drop('memory');
    const entry = new QueueEntry(owner, message, this.deliveries.nextSeq(), qos, retain, now());
    entry.identifiers = identifiers;
    entry.share = publication.share;
    entry.repeated = repeated;
    if (owner) {
      entry.held = held;
      message.holders++;
      journal.enqueue(entry, !held);
    } else {
      memory.queued += size + ENTRY_BYTES;
      this.#inMemory += size + ENTRY_BYTES;
    }
    this.queue.push(entry);
    this.#pump();
  }

  /** The queue has dropped the entry. */
  dropped(entry: QueueEntry, reason: QueueDrop): void {
    this.gave(entry, false);
    this.drop(reason);
  }

  /** Frees the memory of a clean session's entry. */
  readonly #left = (entry: QueueEntry): void => {
    if (entry.owner) return;
    this.#context.memory.queued -= entry.size + ENTRY_BYTES;
    this.#inMemory -= entry.size + ENTRY_BYTES;
  };

  /** The entry is no more in the queue, or in flight. */
  gave(entry: QueueEntry, wasInFlight: boolean): void {
    if (entry.owner) return this.#context.journal.discard(entry);
    entry.gone = true;
    if (!wasInFlight) this.#left(entry);
  }

  /** Drops messages that are too old and were never sent, at most `limit`; returns how many. */
  expire(limit: number): number {
    const dropped = this.queue.expire(limit);
    if (!this.online) this.queue.spill();
    return dropped;
  }

  /** The session has ended, but others get messages from its queue before it is deleted. */
  leave(): void {
    this.#context.flow.leave(this);
    this.isLeaving = true;
    this.#link = undefined;
  }

  /** Deletes all queued messages that are not in flight; resolves when that is on disk. */
  async purge(report: ReportShare): Promise<{ deleted: number; inFlight: number }> {
    const { count, stored } = this.queue.purge((entry) => this.gave(entry, false));
    this.#pump();
    await deleteStored(this.#context.journal, this.key, stored, report);
    return { deleted: count, inFlight: this.deliveries.size };
  }

  /** Ends the session. Its queued messages are deleted, and counted as dropped if there is a reason. */
  end(dropped?: DropReason): void {
    if (this.ended) return;
    const { count } = this.queue;
    this.ended = true;
    this.#context.memory.queued -= this.#inMemory;
    if (dropped && count > 0) this.drop(dropped, count);
  }

  drop(reason: DropReason, count = 1): void {
    this.countDrops(reason, count);
    this.#context.dropped(this, reason, count);
  }

  /** Calls back when all that was stored before is on disk. */
  afterCommit(done: () => void): void {
    const committed = new PendingAck(done);
    this.#context.journal.notifyAfterCommit(committed, true);
    committed.done();
  }

  /** Sends queued messages as far as the window, the socket and the disk allow. */
  #pump(): void {
    const link = this.#link;
    if (!link || this.#pumping) return;
    this.#pumping = true;
    this.deliveries.sendQueued(link, this.queue, this.mostInFlight, this.#left);
    this.#retainedFeed?.pump(link, () => this.#pump());
    if (this.#retainedFeed?.isEmpty) this.#retainedFeed = undefined;
    if (this.flow.held.size > 0) this.#releasePublishers();
    this.#pumping = false;
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.#pump();
  }

  /** Queued messages were read from disk. */
  ready(): void {
    this.#pump();
  }

  committed(entry: QueueEntry): void {
    if (this.ended) return;
    if (entry.held) this.#pump();
    this.queue.spill();
  }

  /** PUBACK: the message has arrived. */
  acknowledged(packetId: number): void {
    if (this.deliveries.acknowledged(packetId)) this.#sendNext();
  }

  /** PUBREC: PUBREL is sent when it is on disk that the PUBLISH must not be repeated. */
  received(packetId: number): void {
    if (this.#link) this.deliveries.received(this.#link, packetId);
  }

  /** PUBREC with an error: the client does not take the message. */
  refused(packetId: number): void {
    if (this.deliveries.refused(packetId)) this.#sendNext();
  }

  /** PUBCOMP: the message has arrived exactly once. */
  completed(packetId: number): void {
    if (this.deliveries.completed(packetId)) this.#sendNext();
  }

  #sendNext(): void {
    if (this.#link) this.deliveries.resumeNext(this.#link);
    if (this.queue.count > 0) this.#pump();
    else if (this.isMember) this.#context.shares.idle();
  }

  /** The most messages that its client has in flight. */
  get mostInFlight(): number {
    const { inflight } = this.#context.limits;
    const protocol5 = this.#link?.protocol5;
    return protocol5 === undefined ? inflight : Math.min(inflight, protocol5.receiveMaximum);
  }
}
