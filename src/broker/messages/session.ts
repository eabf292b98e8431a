import type { Qos } from '../../mqtt/codec.ts';
import { PUBREL_HEADER } from '../../mqtt/codec.ts';
import { PagedQueue } from '../../queue/paged-queue.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import {
  QueueEntry,
  type QueueOwner,
  RELEASED,
  RETAIN,
  SENT,
  UNWRITTEN,
  WRITTEN,
} from '../../queue/queue-entry.ts';
import type { Journal } from '../../store/commit/journal.ts';
import type { StoredEntry } from '../../store/commit/writer.ts';
import type { StoredSession } from '../../store/recovery/load-state.ts';
import { InflightWindow } from './inflight-window.ts';
import { ENTRY_BYTES, type MemoryBudget } from './memory-budget.ts';
import type { PacketBuffer } from './packet-buffer.ts';
import { Publication, type Subscriber, storedMessage } from './publication.ts';
import type { Retained } from './retained.ts';

/** What a session needs of its connection. */
export interface Link {
  readonly sendBuffer: PacketBuffer;
  /** Sends an acknowledgement, after those that were promised before it. */
  acknowledge(header: number, packetId: number): void;
  /** The same, once the pendingAck is paid. */
  ackWhenStored(header: number, packetId: number): PendingAck;
}

/** Why a message did not reach a session. */
export type DropReason = 'queue-full' | 'expired' | 'slow-reader' | 'memory' | 'session-expired';

export interface SessionParts {
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

export interface SessionLimits {
  /** Unacknowledged messages that a client is sent at once. */
  readonly inflight: number;
  readonly queue: {
    readonly messages: number;
    readonly bytes: number;
    /** Milliseconds. */
    readonly age: number;
    readonly full: 'drop-oldest' | 'drop-newest';
  };
}

/** Retained messages on their way to a client that may read slowly. */
interface Feed {
  readonly retained: readonly Retained[];
  next: number;
}

/** What a clean session may have waiting: it stands in memory alone. */
const CLEAN_QUEUE_BYTES = 16 * 1024 * 1024;
const PACKET_IDS = 65_535;
/** Entries in memory up to which a full queue may grow while its oldest is read from disk. */
const OVERSHOOT = 4096;

/** A slot of the window whose message needs no entry: a clean session's is never sent twice. */
type Slot = QueueEntry | 1 | 2 | typeof PUBREL_SENT;
const PUBREL_SENT = 3;

/** One client's state [MQTT 3.1.1, section 4.1]: subscriptions, what it was sent and has not acknowledged, what waits. */
export class Session implements Subscriber, QueueOwner {
  readonly clientId: string;
  readonly key: number;
  readonly persistent: boolean;
  readonly subscriptions = new Map<string, Qos>();
  /** QoS 2 packet identifiers that the client has published and not released. */
  readonly incoming = new Set<number>();
  /** The user whose session it is; '' where nobody has proved that. */
  owner: string;
  /** When its client went, in the time of `now`. */
  awaySince: number;
  /** When its client came, in the time of `now`; stands while it is there. */
  onlineSince = 0;
  ended = false;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  readonly queue: PagedQueue;
  /** Messages dropped since the gateway started, by reason. */
  readonly drops = new Map<DropReason, number>();
  #link: Link | undefined;
  #seq = 0;
  readonly #window: InflightWindow<Slot>;
  #pumping = false;
  #feeds: Feed[] = [];
  readonly #parts: SessionParts;

  constructor(
    parts: SessionParts,
    clientId: string,
    key: number,
    persistent: boolean,
    stored?: Pick<StoredSession, 'sent' | 'seen' | 'queue' | 'owner'>,
  ) {
    this.owner = stored?.owner ?? '';
    this.#parts = parts;
    this.clientId = clientId;
    this.key = key;
    this.persistent = persistent;
    this.awaySince = parts.now();
    this.#window = new InflightWindow(parts.limits.inflight);
    if (stored) {
      // A session whose client was there when the gateway died is left from now on; so is one of the future.
      if (stored.seen > 0) this.awaySince = Math.min(this.awaySince, stored.seen);
      this.sent = stored.sent;
      this.sentOnDisk = stored.sent;
      this.#seq = Math.max(stored.sent, stored.queue.last);
    }
    this.queue = new PagedQueue(
      (seq, limit) => this.#load(seq, limit),
      () => {
        this.#trim();
        this.#pump();
      },
      stored?.queue,
    );
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
    this.onlineSince = this.#parts.now();
    const resumed: QueueEntry[] = [];
    for (const slot of this.#window.values()) if (slot instanceof QueueEntry) resumed.push(slot);
    resumed.sort((a, b) => a.seq - b.seq);
    for (const entry of resumed) this.#send(link, entry);
    this.#pump();
  }

  disconnect(): void {
    this.#link = undefined;
    this.#feeds = [];
    this.awaySince = this.#parts.now();
    if (!this.persistent) return;
    this.#parts.journal.flushSoon(this);
    this.queue.unload();
  }

  deliver(publication: Publication, qos: Qos): void {
    const link = this.#link;
    if (qos === 0) {
      if (!link) return;
      // QoS 0: what can't be sent now is dropped and counted.
      if (link.sendBuffer.congested) this.#drop('slow-reader');
      else sendPublication(link.sendBuffer, publication, 0x30, 0);
      return;
    }
    if (this.persistent) this.#enqueue(publication, qos, false, publication.held || qos === 2);
    else if (link) {
      const full = this.#window.size >= this.#parts.limits.inflight;
      if (full || this.queue.count > 0 || link.sendBuffer.congested) {
        this.#enqueue(publication, qos, false, false);
        return;
      }
      const packetId = packetIdOf(this.#nextSeq());
      this.#window.add(packetId, qos);
      sendPublication(link.sendBuffer, publication, 0x30 | (qos << 1), packetId);
    }
  }

  /** A retained message at QoS 1 or 2 that a new subscription asked for; `held` until the subscription is on disk. */
  deliverRetained(retained: Retained, qos: 1 | 2, held: boolean): void {
    const publication = new Publication().of(retained.message, retained.topic, qos, true);
    this.#enqueue(publication, qos, true, held || (this.persistent && qos === 2));
  }

  /** Retained messages at QoS 0, sent as fast as the client reads: those that still stand by then. */
  feed(retained: readonly Retained[]): void {
    this.#feeds.push({ retained, next: 0 });
    this.#pump();
  }

  #enqueue(publication: Publication, qos: 1 | 2, retain: boolean, held: boolean): void {
    const { journal, memory, now } = this.#parts;
    const message = publication.keep();
    const { length } = message.body;
    if (!this.#makeRoom(length)) return;
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

  /** Whether a message of this size may join the queue; drops older ones where the policy says so. */
  #makeRoom(size: number): boolean {
    if (size > this.#parts.limits.queue.bytes) {
      this.#drop('queue-full');
      return false;
    }
    while (this.#isFull(size)) {
      if (this.#parts.limits.queue.full === 'drop-oldest') {
        if (this.#dropOldest('queue-full')) continue;
        // The oldest is being read from disk: the queue is trimmed when it is there.
        if (this.queue.inMemory < OVERSHOOT) return true;
      }
      this.#drop('queue-full');
      return false;
    }
    return true;
  }

  #trim(): void {
    if (this.#parts.limits.queue.full !== 'drop-oldest') return;
    while (this.queue.count > 0 && this.#isFull(0) && this.#dropOldest('queue-full'));
  }

  #isFull(size: number): boolean {
    const { limits } = this.#parts;
    const { count, bytes } = this.queue;
    if (count + (size > 0 ? 1 : 0) > limits.queue.messages) return true;
    if (bytes + size > limits.queue.bytes) return true;
    return !this.persistent && bytes + size + count * ENTRY_BYTES > CLEAN_QUEUE_BYTES;
  }

  #dropOldest(reason: DropReason): boolean {
    const oldest = this.queue.peek();
    if (!oldest) return false;
    this.#shift(oldest);
    if (this.persistent) this.#parts.journal.discard(oldest);
    this.#drop(reason);
    return true;
  }

  /** Takes the head, which is this entry, out of the queue. */
  #shift(entry: QueueEntry): void {
    this.queue.shift();
    if (!this.persistent) this.#parts.memory.queued -= entry.message.body.length + ENTRY_BYTES;
  }

  /** Drops what was queued before `oldest` and never sent, at most `limit` messages; gives how many. */
  dropOlder(oldest: number, limit: number): number {
    let dropped = 0;
    while (dropped < limit && this.queue.oldestAt < oldest) {
      const entry = this.queue.peek();
      // It is being read from disk: the next sweep finds it.
      if (!entry || entry.at >= oldest || entry.sent || !this.#dropOldest('expired')) break;
      dropped++;
    }
    if (!this.online) this.queue.spill();
    return dropped;
  }

  /** It has ended: what waits is gone, and counted where it was `dropped` for a reason. */
  end(dropped?: DropReason): void {
    if (this.ended) return;
    const { count, bytes } = this.queue;
    this.ended = true;
    if (!this.persistent) this.#parts.memory.queued -= bytes + count * ENTRY_BYTES;
    if (dropped && count > 0) this.#drop(dropped, count);
  }

  #drop(reason: DropReason, count = 1): void {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + count);
    this.#parts.dropped(this, reason, count);
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

  /** Sends what waits as far as the window, the socket and the disk allow. */
  #pump(): void {
    const link = this.#link;
    if (!link || this.#pumping) return;
    this.#pumping = true;
    const { limits, now } = this.#parts;
    while (this.#window.size < limits.inflight && !link.sendBuffer.congested) {
      const entry = this.queue.peek();
      if (!entry || (entry.held && entry.written !== WRITTEN)) break;
      if (now() - entry.at > limits.queue.age && !entry.sent) {
        this.#dropOldest('expired');
        continue;
      }
      const packetId = packetIdOf(entry.seq);
      if (this.#window.has(packetId)) break;
      this.#shift(entry);
      this.#window.add(packetId, entry);
      this.#send(link, entry);
    }
    if (this.#feeds.length > 0) this.#pumpFeeds(link);
    this.#pumping = false;
  }

  #pumpFeeds(link: Link): void {
    const publication = new Publication();
    for (let feed = this.#feeds[0]; feed; feed = this.#feeds[0]) {
      while (feed.next < feed.retained.length) {
        if (link.sendBuffer.congested) return;
        const each = feed.retained[feed.next++]!;
        if (!each.current) continue;
        sendPublication(
          link.sendBuffer,
          publication.of(each.message, each.topic, 0, true),
          0x31,
          0,
        );
      }
      this.#feeds.shift();
    }
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
    if (entry.written !== UNWRITTEN) this.#parts.journal.markSent(this);
  }

  /** The socket takes bytes again. */
  drained(): void {
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
      if (news && slot.owner) this.#parts.journal.add(['released', this.key, slot.seq]);
      this.#release(link, slot);
    } else link.acknowledge(PUBREL_HEADER, packetId);
  }

  /** PUBREL, once it is on disk that PUBREC has come: an earlier connection may have heard it a moment ago. */
  #release(link: Link, entry: QueueEntry): void {
    const packetId = packetIdOf(entry.seq);
    if (!entry.owner) return link.acknowledge(PUBREL_HEADER, packetId);
    const pendingAck = link.ackWhenStored(PUBREL_HEADER, packetId);
    this.#parts.journal.notifyAfterCommit(pendingAck, true);
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
      const { journal, delivered, now } = this.#parts;
      journal.discard(slot);
      delivered?.(now() - slot.at);
    }
    if (this.queue.count > 0) this.#pump();
  }

  async #load(seq: number, limit: number): Promise<QueueEntry[]> {
    const stored = await this.#parts.load(this.key, seq, limit);
    if (this.ended) return [];
    return stored.map(({ seq: own, flags, at, body }) => {
      const qos = (flags & 3) as 1 | 2;
      const retain = (flags & RETAIN) !== 0;
      const entry = new QueueEntry(this, storedMessage(body), own, qos, retain, at);
      entry.written = WRITTEN;
      entry.released = (flags & RELEASED) !== 0;
      entry.sent = (flags & SENT) !== 0 || own <= this.sentOnDisk;
      return entry;
    });
  }
}

function packetIdOf(seq: number): number {
  return ((seq - 1) % PACKET_IDS) + 1;
}

function sendPublication(
  output: PacketBuffer,
  publication: Publication,
  header: number,
  packetId: number,
): void {
  const { source, topicStart, topicEnd, payloadStart, end } = publication;
  output.publish(header, source, topicStart, topicEnd, payloadStart, end, packetId);
}
