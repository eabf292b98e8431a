import type { Qos } from '../../mqtt/codec.ts';
import { PUBREL_HEADER } from '../../mqtt/codec.ts';
import {
  BoundedQueue,
  type BoundedQueueOwner,
  type QueueDrop,
  type QueueLimits,
} from '../../queue/bounded-queue.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import { ENTRY_BYTES, QueueEntry, type StoredEntry, UNWRITTEN } from '../../queue/queue-entry.ts';
import type { Journal } from '../../store/commit/journal.ts';
import type { StoredSession } from '../../store/recovery/load-state.ts';
import { InflightWindow } from './inflight-window.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { Publication, type Subscriber, writePublication } from './publication.ts';
import type { Retained } from './retained.ts';
import { RetainedFeed } from './retained-feed.ts';

/** What a session needs of its connection. */
export interface Link {
  readonly sendBuffer: PacketBuffer;
  /** Sends an acknowledgement, after those that were asked for before it. */
  acknowledge(header: number, packetId: number): void;
  /** The same, once the returned PendingAck is done. */
  ackWhenStored(header: number, packetId: number): PendingAck;
}

/** Why a message did not reach a session. */
export type DropReason = QueueDrop | 'slow-reader' | 'memory' | 'session-expired';

export interface SessionLimits {
  /** Unacknowledged messages that a client is sent at once. */
  readonly inflight: number;
  readonly queue: QueueLimits;
}

/** What all sessions share. */
export interface SessionContext {
  readonly journal: Journal;
  readonly limits: SessionLimits;
  readonly memory: MemoryBudget;
  load(session: number, seq: number, limit: number): Promise<StoredEntry[]>;
  /** Milliseconds that never jump and go on over restarts. */
  now(): number;
  dropped(session: Session, reason: DropReason, count: number): void;
  /** A message was acknowledged so many milliseconds after it came. */
  delivered?(ms: number): void;
}

export interface SessionParts {
  readonly context: SessionContext;
  readonly clientId: string;
  /** The session's number on disk; 0 for a clean session. */
  readonly key: number;
  readonly persistent: boolean;
  /** The session as the store has found it; undefined for one that begins. */
  readonly stored?: Pick<StoredSession, 'sent' | 'seen' | 'queue' | 'owner'> | undefined;
}

/** Bytes that the queue of a clean session may take: it is in memory alone. */
const CLEAN_QUEUE_BYTES = 16 * 1024 * 1024;
const PACKET_IDS = 65_535;

/** What is in flight: an entry, or the QoS alone where no entry is needed, for a clean session is sent nothing twice. */
type Slot = QueueEntry | 1 | 2 | typeof PUBREL_SENT;
const PUBREL_SENT = 3;

/** One client's state [MQTT 3.1.1, section 4.1]: subscriptions, messages in flight, queued messages. */
export class Session implements Subscriber, BoundedQueueOwner {
  readonly clientId: string;
  readonly key: number;
  readonly persistent: boolean;
  readonly subscriptions = new Map<string, Qos>();
  /** QoS 2 packet identifiers that the client has published and not released. */
  readonly incoming = new Set<number>();
  /** The user whose session it is; '' where no client has logged in as one. */
  owner: string;
  /** When its client disconnected, in milliseconds of `now()`. */
  awaySince: number;
  /** When its client connected, in milliseconds of `now()`; valid while it is connected. */
  onlineSince = 0;
  ended = false;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  readonly queue: BoundedQueue;
  /** Messages dropped since the gateway started, by reason. */
  readonly drops = new Map<DropReason, number>();
  #link: Link | undefined;
  #seq = 0;
  readonly #window: InflightWindow<Slot>;
  #pumping = false;
  readonly #feed = new RetainedFeed();
  readonly #context: SessionContext;

  constructor({ context, clientId, key, persistent, stored }: SessionParts) {
    const { load, now } = context;
    this.#context = context;
    this.clientId = clientId;
    this.key = key;
    this.persistent = persistent;
    this.owner = stored?.owner ?? '';
    this.awaySince = now();
    this.#window = new InflightWindow(context.limits.inflight);
    if (stored) {
      // 0: the gateway died while the client was connected, so it is away from now on. A time in the future counts as now.
      if (stored.seen > 0) this.awaySince = Math.min(this.awaySince, stored.seen);
      this.sent = stored.sent;
      this.sentOnDisk = stored.sent;
      this.#seq = Math.max(stored.sent, stored.queue.last);
    }
    const memoryBytes = persistent ? Number.POSITIVE_INFINITY : CLEAN_QUEUE_BYTES;
    this.queue = new BoundedQueue({ owner: this, memoryBytes, load, now }, stored?.queue);
  }

  get queueLimits(): QueueLimits {
    return this.#context.limits.queue;
  }

  get online(): boolean {
    return this.#link !== undefined;
  }

  get inflight(): number {
    return this.#window.size;
  }

  /** The connection is up and CONNACK is sent: what was sent before and not acknowledged goes first [MQTT-4.4.0-1]. */
  connect(link: Link): void {
    this.#link = link;
    this.onlineSince = this.#context.now();
    const resumed: QueueEntry[] = [];
    for (const slot of this.#window.values()) if (slot instanceof QueueEntry) resumed.push(slot);
    resumed.sort((a, b) => a.seq - b.seq);
    for (const entry of resumed) this.#send(link, entry);
    this.#pump();
  }

  disconnect(): void {
    this.#link = undefined;
    this.#feed.clear();
    this.awaySince = this.#context.now();
    if (!this.persistent) return;
    this.#context.journal.flushSoon(this);
    this.queue.unload();
  }

  deliver(publication: Publication, qos: Qos): void {
    const link = this.#link;
    if (qos === 0) {
      if (!link) return;
      // QoS 0: what can't be sent now is dropped and counted.
      if (link.sendBuffer.congested) this.#drop('slow-reader');
      else writePublication(link.sendBuffer, publication, 0x30, 0);
      return;
    }
    if (this.persistent) this.#enqueue(publication, qos, false, publication.held || qos === 2);
    else if (link) {
      const full = this.#window.size >= this.#context.limits.inflight;
      if (full || this.queue.count > 0 || link.sendBuffer.congested) {
        this.#enqueue(publication, qos, false, false);
        return;
      }
      const packetId = packetIdOf(this.#nextSeq());
      this.#window.add(packetId, qos);
      writePublication(link.sendBuffer, publication, 0x30 | (qos << 1), packetId);
    }
  }

  /** A retained message at QoS 1 or 2 that a new subscription asked for; `held` until the subscription is on disk. */
  deliverRetained(retained: Retained, qos: 1 | 2, held: boolean): void {
    const publication = new Publication().of(retained.message, retained.topic, qos, true);
    this.#enqueue(publication, qos, true, held || (this.persistent && qos === 2));
  }

  /** Retained messages at QoS 0, sent as fast as the client reads: those that still stand by then. */
  feed(retained: readonly Retained[]): void {
    this.#feed.add(retained);
    this.#pump();
  }

  #enqueue(publication: Publication, qos: 1 | 2, retain: boolean, held: boolean): void {
    const { journal, memory, now } = this.#context;
    const message = publication.keep();
    const { length } = message.body;
    // A message larger than the whole queue would drop all others for nothing.
    const fits = length <= this.queueLimits.bytes;
    if (!fits || !this.queue.makeRoom(length, publication.topic)) return this.#drop('queue-full');
    const owner = this.persistent ? this : null;
    if (!owner && !memory.hasRoom(length)) return this.#drop('memory');
    const entry = new QueueEntry(owner, message, this.#nextSeq(), qos, retain, now());
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
    else this.#freeMemory(entry);
    this.#drop(reason);
  }

  #freeMemory(entry: QueueEntry): void {
    this.#context.memory.queued -= entry.message.body.length + ENTRY_BYTES;
  }

  /** Drops messages that are too old and were never sent, at most `limit`; returns how many. */
  expire(limit: number): number {
    const dropped = this.queue.expire(limit);
    if (!this.online) this.queue.spill();
    return dropped;
  }

  /** Ends the session. Its queued messages are lost, and counted as dropped where there is a reason. */
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

  /**
   * The next sequence number; those whose packet identifier is in flight are passed over [MQTT-2.3.1-4].
   * Where all are, the entry waits in the queue for its own.
   */
  #nextSeq(): number {
    do this.#seq++;
    while (this.#window.size < PACKET_IDS && this.#window.has(packetIdOf(this.#seq)));
    return this.#seq;
  }

  /** Sends queued messages as far as the window, the socket and the disk allow. */
  #pump(): void {
    const link = this.#link;
    if (!link || this.#pumping) return;
    this.#pumping = true;
    const { inflight } = this.#context.limits;
    while (this.#window.size < inflight && !link.sendBuffer.congested) {
      const entry = this.queue.next();
      if (!entry) break;
      const packetId = packetIdOf(entry.seq);
      if (this.#window.has(packetId)) break;
      this.queue.shift();
      if (!this.persistent) this.#freeMemory(entry);
      this.#window.add(packetId, entry);
      this.#send(link, entry);
    }
    if (!this.#feed.isEmpty) this.#feed.pump(link.sendBuffer);
    this.#pumping = false;
  }

  #send(link: Link, entry: QueueEntry): void {
    if (entry.released) return this.#release(link, entry);
    const packetId = packetIdOf(entry.seq);
    const { body, topicEnd } = entry.message;
    const header = 0x30 | (entry.sent ? 8 : 0) | (entry.qos << 1) | (entry.retain ? 1 : 0);
    link.sendBuffer.publish(header, body, 0, topicEnd, topicEnd, body.length, packetId);
    entry.sent = true;
    if (entry.seq > this.sent) this.sent = entry.seq;
    // What is unwritten takes the mark along with its row.
    if (entry.written !== UNWRITTEN) this.#context.journal.markSent(this);
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
    const slot = this.#window.get(packetId);
    if (slot === 1 || (slot instanceof QueueEntry && slot.qos === 1)) this.#done(packetId, slot);
  }

  /** PUBREC: PUBREL answers it, once it is on disk that the message itself is not to be sent again. */
  received(packetId: number): void {
    const link = this.#link;
    if (!link) return;
    const slot = this.#window.get(packetId);
    if (slot === 2) this.#window.replace(packetId, PUBREL_SENT);
    if (slot instanceof QueueEntry && slot.qos === 2) {
      const news = !slot.released;
      slot.released = true;
      if (news && slot.owner) this.#context.journal.add(['released', this.key, slot.seq]);
      this.#release(link, slot);
    } else link.acknowledge(PUBREL_HEADER, packetId);
  }

  /** PUBREL, once it is on disk that PUBREC has come: an earlier connection may have heard it a moment ago. */
  #release(link: Link, entry: QueueEntry): void {
    const packetId = packetIdOf(entry.seq);
    if (!entry.owner) return link.acknowledge(PUBREL_HEADER, packetId);
    const pendingAck = link.ackWhenStored(PUBREL_HEADER, packetId);
    this.#context.journal.notifyAfterCommit(pendingAck, true);
    pendingAck.done();
  }

  /** PUBCOMP: the message has arrived exactly once. */
  completed(packetId: number): void {
    const slot = this.#window.get(packetId);
    if (slot === PUBREL_SENT || (slot instanceof QueueEntry && slot.released)) {
      this.#done(packetId, slot);
    }
  }

  #done(packetId: number, slot: Slot): void {
    this.#window.delete(packetId);
    if (slot instanceof QueueEntry && slot.owner) {
      const { journal, delivered, now } = this.#context;
      journal.discard(slot);
      delivered?.(now() - slot.at);
    }
    if (this.queue.count > 0) this.#pump();
  }
}

function packetIdOf(seq: number): number {
  return ((seq - 1) % PACKET_IDS) + 1;
}
