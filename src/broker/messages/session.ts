import type { Qos } from '../../mqtt/codec.ts';
import { BoundedQueue, type BoundedQueueOwner, type QueueDrop } from '../../queue/bounded-queue.ts';
import { ENTRY_BYTES, QueueEntry } from '../../queue/queue-entry.ts';
import { Deliveries, type Link } from './deliveries.ts';
import { type FlowReader, ReaderFlow } from './flow-control.ts';
import { PacketIdMap } from './packet-id-map.ts';
import { type Grant, Publication, type Subscriber, sendPublication } from './publication.ts';
import { RetainedFeed, type Subscribed } from './retained-feed.ts';
import type { Retained } from './retained-walk.ts';
import type { DropReason, SessionContext, SessionParts } from './session-parts.ts';
import { SubscriptionList } from './subscription-list.ts';
import { WaitingCopies } from './waiting-copies.ts';

/** Messages in the queue of a clean session above which it holds up its publishers while memory is short. */
const TIGHT_MESSAGES = 16;

/** One client's state [MQTT 3.1.1, section 4.1]: subscriptions, messages in flight, queued messages. */
export class Session implements Subscriber, BoundedQueueOwner, FlowReader {
  readonly clientId: string;
  readonly key: number;
  readonly persistent: boolean;
  readonly subscriptions = new SubscriptionList();
  /** QoS 2 packet identifiers that the client has published and not released, with the digests of their messages. */
  readonly incoming = new PacketIdMap<number>();
  /** The user whose session it is; '' where no client has logged in as one. */
  owner: string;
  /** Its client is a bridge: it gets the retain flag as it was published, and not the messages that it has published. */
  bridge = false;
  /** How long it outlives its connection, in milliseconds; Infinity as long as the config says. */
  expiryMs: number;
  /** When its client disconnected, in milliseconds of `now()`. */
  awaySince: number;
  /** When its client connected, in milliseconds of `now()`; valid while it is connected. */
  onlineSince = 0;
  ended = false;
  /** A client connects with it and has no CONNACK yet. */
  opening = false;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  readonly queue: BoundedQueue;
  /** The retained messages that wait for the client already. */
  readonly copies: WaitingCopies;
  readonly flow: ReaderFlow;
  /** Messages dropped since the gateway started, by reason. */
  readonly drops = new Map<DropReason, number>();
  #link: Link | undefined;
  readonly #deliveries: Deliveries;
  #pumping = false;
  readonly retainedFeed: RetainedFeed;
  readonly #context: SessionContext;

  constructor({ context, clientId, key, persistent, stored, expiryMs }: SessionParts) {
    const { limits, load, now } = context;
    this.#context = context;
    this.retainedFeed = new RetainedFeed(context, (message, error) =>
      context.setAside(message, this.label, error),
    );
    this.clientId = clientId;
    this.key = key;
    this.persistent = persistent;
    this.expiryMs = expiryMs;
    this.owner = stored?.owner ?? '';
    this.awaySince = now();
    let lastSeq = 0;
    if (stored) {
      // 0: the gateway crashed while the client was connected; it counts as disconnected now. So does a future time.
      if (stored.seen > 0) this.awaySince = Math.min(this.awaySince, stored.seen);
      this.sent = stored.sent;
      this.sentOnDisk = stored.sent;
      lastSeq = Math.max(stored.sent, stored.queue.last);
    }
    this.#deliveries = new Deliveries(this, context, lastSeq);
    const memoryBytes = persistent ? Number.POSITIVE_INFINITY : limits.queueMemoryPerClient;
    this.flow = new ReaderFlow(limits, memoryBytes / 2);
    this.queue = new BoundedQueue({ owner: this, limits, memoryBytes, load, now }, stored?.queue);
    this.copies = new WaitingCopies({ queue: this.queue, deliveries: this.#deliveries });
  }

  get label(): string {
    return `client ${this.clientId}`;
  }

  get online(): boolean {
    return this.#link !== undefined;
  }

  get inflight(): number {
    return this.#deliveries.size;
  }

  /** Whether its client has been disconnected for too long, at this time and with this limit of the config. */
  isExpired(now: number, limitMs: number): boolean {
    return !this.online && !this.opening && now - this.awaySince > Math.min(limitMs, this.expiryMs);
  }

  /** CONNACK is sent: first sends the messages that an earlier connection did not acknowledge [MQTT-4.4.0-1]. */
  connect(link: Link): void {
    this.#link = link;
    this.opening = false;
    this.onlineSince = this.#context.now();
    this.flow.begin(this.queue);
    this.#deliveries.resume(link);
    this.#pump();
  }

  disconnect(): void {
    this.#link = undefined;
    this.opening = false;
    this.#context.flow.leave(this);
    this.retainedFeed.clear();
    this.copies.clear();
    this.awaySince = this.#context.now();
    if (!this.persistent) return;
    this.#context.journal.flushSoon(this);
    this.queue.unload();
  }

  deliver(publication: Publication, qos: Qos): void {
    const link = this.#link;
    const retain =
      publication.retain && (this.bridge || publication.grant?.retainAsPublished === true);
    if (qos === 0) {
      if (!link) return;
      // QoS 0: a message that can't be sent now is dropped and counted.
      if (link.sendBuffer.congested) this.#drop('slow-reader');
      else if (!sendPublication(link, publication, retain ? 0x31 : 0x30, 0))
        this.#drop('too-large');
      return;
    }
    if (this.persistent) this.#enqueue(publication, qos, retain, publication.held || qos === 2);
    else if (link) {
      const full = this.#deliveries.size >= this.#mostInFlight(link);
      if (full || this.queue.count > 0 || link.sendBuffer.congested) {
        this.#enqueue(publication, qos, retain, false);
        return;
      }
      if (!this.#deliveries.sendOnce(link, publication, qos, retain)) this.#drop('too-large');
    }
  }

  /**
   * A retained message at QoS 1 or 2 that a subscription asked for; `held` until the subscription is on disk. It is not
   * queued where it waits already, and drops no other message where the queue is full.
   */
  deliverRetained(retained: Retained, qos: 1 | 2, held: boolean, grant: Grant | null = null): void {
    if (this.copies.has(retained)) return;
    const { expiresAt } = retained.message;
    if (expiresAt !== null && expiresAt < this.#context.now()) return;
    if (!this.queue.hasRoom(retained.message.body.length)) return this.#drop('queue-full');
    const { lastSeq } = this.#deliveries;
    const publication = new Publication().of(retained.message, retained.topic, qos, true);
    publication.grant = grant;
    this.#enqueue(publication, qos, true, held || (this.persistent && qos === 2));
    if (this.#deliveries.lastSeq > lastSeq) this.copies.add(retained, this.#deliveries.lastSeq);
    // Its publishers have not made this queue long.
    this.flow.begin(this.queue);
  }

  get backlogged(): FlowReader | undefined {
    const link = this.#link;
    if (!link || this.flow.slow) return undefined;
    const { count, bytes } = this.queue;
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
    const hasRoom = link !== undefined && this.#deliveries.size < this.#mostInFlight(link);
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
    this.retainedFeed.add(subscribed);
    this.#pump();
  }

  #enqueue(publication: Publication, qos: 1 | 2, retain: boolean, held: boolean): void {
    if (this.ended) return;
    const { journal, memory, now } = this.#context;
    const message = publication.keep();
    const { length } = message.body;
    if (!this.queue.makeRoom(length, publication.topic)) return this.#drop('queue-full');
    const owner = this.persistent ? this : null;
    if (!owner && !memory.hasRoom(length, this.flow.slow)) return this.#drop('memory');
    const entry = new QueueEntry(owner, message, this.#deliveries.nextSeq(), qos, retain, now());
    if (publication.grant) entry.identifiers = publication.grant.identifiers;
    if (owner) {
      entry.held = held;
      message.holders++;
      journal.enqueue(entry, !held);
    } else memory.queued += length + ENTRY_BYTES;
    this.queue.push(entry);
    this.#pump();
  }

  /** The queue has dropped the entry. */
  dropped(entry: QueueEntry, reason: QueueDrop): void {
    if (this.persistent) this.#context.journal.discard(entry);
    else this.#left(entry);
    this.#drop(reason);
  }

  /** Frees the memory of a clean session's entry. */
  readonly #left = (entry: QueueEntry): void => {
    if (!this.persistent) this.#context.memory.queued -= entry.message.body.length + ENTRY_BYTES;
  };

  /** Drops messages that are too old and were never sent, at most `limit`; returns how many. */
  expire(limit: number): number {
    const dropped = this.queue.expire(limit);
    if (!this.online) this.queue.spill();
    return dropped;
  }

  /** Ends the session. Its queued messages are deleted, and counted as dropped if there is a reason. */
  end(dropped?: DropReason): void {
    if (this.ended) return;
    const { count, bytes } = this.queue;
    this.ended = true;
    if (!this.persistent) this.#context.memory.queued -= bytes + count * ENTRY_BYTES;
    if (dropped && count > 0) this.#drop(dropped, count);
  }

  #drop(reason: DropReason, count = 1): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + count);
    this.#context.dropped(this, reason, count);
  }

  /** Sends queued messages as far as the window, the socket and the disk allow. */
  #pump(): void {
    const link = this.#link;
    if (!link || this.#pumping) return;
    this.#pumping = true;
    this.#deliveries.sendQueued(link, this.queue, this.#mostInFlight(link), this.#left);
    if (!this.retainedFeed.isEmpty) this.retainedFeed.pump(link, this.#continueFeed);
    if (this.flow.held.size > 0) this.#releasePublishers();
    this.#pumping = false;
  }

  readonly #continueFeed = (): void => this.#pump();

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
    if (this.#deliveries.acknowledged(packetId)) this.#sendNext();
  }

  /** PUBREC: PUBREL is sent when it is on disk that the PUBLISH must not be repeated. */
  received(packetId: number): void {
    if (this.#link) this.#deliveries.received(this.#link, packetId);
  }

  /** PUBREC with an error: the client does not take the message. */
  refused(packetId: number): void {
    if (this.#deliveries.refused(packetId)) this.#sendNext();
  }

  /** PUBCOMP: the message has arrived exactly once. */
  completed(packetId: number): void {
    if (this.#deliveries.completed(packetId)) this.#sendNext();
  }

  #sendNext(): void {
    if (this.#link) this.#deliveries.resumeNext(this.#link);
    if (this.queue.count > 0) this.#pump();
  }

  #mostInFlight(link: Link): number {
    const { inflight } = this.#context.limits;
    const { protocol5 } = link;
    return protocol5 === undefined ? inflight : Math.min(inflight, protocol5.receiveMaximum);
  }
}
