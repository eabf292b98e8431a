import type { Faults } from '../../base/faults.ts';
import type { QueueEntry } from '../../queue/queue-entry.ts';
import type { Session } from './session.ts';
import type { ShareGroup } from './share-group.ts';
import { takeOver } from './share-member.ts';

export interface ShareMovesParts {
  readonly faults: Faults;
  readonly limits: { readonly absentQueueBytes: number };
  groupOf(number: number): ShareGroup | undefined;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** Whether commits fail: nothing is moved on disk. */
  diskFails(): boolean;
  /** The messages of a session that has ended are with other members. */
  finish(session: Session): void;
}

/** How far a session's messages were checked. */
interface Progress {
  /** Entries below this number were checked: of them only those of `blocked` can still move. */
  end: number;
  /** The first entry of each group, by its number, whose other members take none now. */
  readonly blocked: Map<number, number>;
}

/** A session whose messages of shared subscriptions others get. */
interface Source extends Progress {
  readonly session: Session;
  /** Whether the session had ended when this began. */
  readonly isOver: boolean;
  /** What its client was sent and has not acknowledged, in order; only of a session that has ended. */
  inFlight: QueueEntry[];
  /** Read from disk. */
  read: QueueEntry[];
  /** The number of the next entry to check. */
  next: number;
  /** Groups whose entries below `end` are checked again. */
  readonly again: Set<number>;
  /** From the first entry that may move to the last. */
  isPassing: boolean;
  /** In this pass a group had other members, and they had enough. */
  isBusy: boolean;
  isReading: boolean;
}

/** Entries that are checked in one turn of the event loop, and those that are read from disk at once. */
const STEP = 200;
const READ = 500;
/** So long may the client of a session that was connected at a crash come back for what it may have been sent. */
const RETURN_MS = 3000;

/**
 * Moves messages between the members of a group: from those that are away, have ended, or do not acknowledge, to those
 * that read. Both changes, of the one queue and the other, are in one commit.
 */
export class ShareMoves {
  readonly #parts: ShareMovesParts;
  readonly #sources = new Map<Session, Source>();
  readonly #progress = new WeakMap<Session, Progress>();
  /** Acknowledgements of members at the last sweep. */
  readonly #acknowledged = new WeakMap<Session, number>();
  #isScheduled = false;
  #round = this.#sources.values();

  constructor(parts: ShareMovesParts) {
    this.#parts = parts;
  }

  /** Whether messages wait for a member that takes them. */
  get isWaiting(): boolean {
    return this.#sources.size > 0;
  }

  /** Others get what this session can't deliver: all of it where it has ended, else what its client was not sent. */
  add(session: Session): void {
    if (session.queue.count === 0 && !session.isOver) return;
    // What its client was sent last may still be in flight.
    if (this.#sources.get(session)?.isOver !== session.isOver) {
      this.#sources.set(session, this.#sourceOf(session));
    }
    this.kick();
  }

  #sourceOf(session: Session): Source {
    const { isOver, deliveries } = session;
    const { end, blocked } = (isOver ? undefined : this.#progress.get(session)) ?? {
      end: 0,
      blocked: new Map<number, number>(),
    };
    const inFlight = isOver ? [...deliveries.unacknowledged()].sort((a, b) => a.seq - b.seq) : [];
    return {
      ...{ session, isOver, end, blocked, inFlight, read: [], next: end, again: new Set() },
      ...{ isPassing: false, isBusy: false, isReading: false },
    };
  }

  /** The session's client is back. */
  remove(session: Session): void {
    this.#sources.delete(session);
  }

  takeFromAbsent(group: ShareGroup): void {
    for (const session of group.absent()) this.add(session);
  }

  /** From members that have messages and have acknowledged none since the last call. */
  takeFromStalled(group: ShareGroup): void {
    for (const session of group.present()) {
      if (session.queue.count === 0) continue;
      const { acknowledgements } = session.deliveries;
      if (this.#acknowledged.get(session) === acknowledgements) this.add(session);
      this.#acknowledged.set(session, acknowledgements);
    }
  }

  /** Continues, in another turn of the event loop. */
  kick(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#parts.diskFails()) return;
    let checks = STEP;
    const step = (source: Source): void => {
      checks = this.#step(source, checks);
    };
    // Each once at most, and in the next run those that this one does not reach.
    for (let left = this.#sources.size; left > 0 && checks > 0; left--) {
      const { value: source, done } = this.#round.next();
      if (done) this.#round = this.#sources.values();
      else this.#parts.faults.each([source], step, (_, error) => this.#failed(source, error));
    }
    if (checks === 0) this.kick();
  }

  #failed({ session }: Source, error: unknown): void {
    this.#parts.faults.caught('delivery', `moving messages of ${session.label}`, error);
    this.#end(session);
  }

  /** Called several times a second. */
  sweep(): void {
    if (this.#sources.size === 0) return;
    let bytes = 0;
    for (const { session } of this.#sources.values())
      if (session.isOver) bytes += session.queue.bytes;
    for (const { session } of this.#sources.values()) {
      if (bytes <= this.#parts.limits.absentQueueBytes) break;
      if (!session.isOver) continue;
      bytes -= session.queue.bytes;
      this.#end(session);
    }
    this.kick();
  }

  #end(session: Session): void {
    this.#sources.delete(session);
    if (session.isOver) this.#parts.finish(session);
  }

  /** Checks so many entries at most; returns how many are left of that. */
  #step(source: Source, most: number): number {
    const { session } = source;
    if (source.isReading) return most;
    if (!source.isPassing) this.#begin(source);
    for (let left = most; left > 0; ) {
      // A session of one group has nothing for others behind the first entry that stays.
      const isAllBlocked = source.blocked.size === 1 && session.groups === 1;
      const entry = isAllBlocked ? undefined : entryAt(source);
      if (entry === undefined) {
        this.#passed(source);
        return left;
      }
      left--;
      if (entry === 'stored') {
        this.#read(source);
        return left;
      }
      this.#check(source, entry);
    }
    return 0;
  }

  /** Begins with the first entry of a group that takes messages again, or with what was not checked yet. */
  #begin(source: Source): void {
    const { session, blocked, again } = source;
    Object.assign(source, { isPassing: true, isBusy: false, next: source.end });
    again.clear();
    for (const [share, seq] of blocked) {
      const taker = this.#parts.groupOf(share)?.taker(session);
      if (taker === 'busy') source.isBusy = true;
      if (taker === 'busy' || (taker === undefined && !session.isOver)) continue;
      blocked.delete(share);
      again.add(share);
      source.next = Math.min(source.next, seq);
    }
    if (source.read.length > 0 && source.read[0]!.seq > source.next) source.read = [];
  }

  /** One group whose members have enough does not hold up the messages of another one. */
  #check(source: Source, entry: QueueEntry): void {
    const { blocked, again } = source;
    const { seq, share } = entry;
    source.next = seq + 1;
    source.end = Math.max(source.end, source.next);
    if (blocked.has(share)) return;
    const result = this.#move(source, entry);
    if (result === 'moved' || result === 'never') {
      source.inFlight = source.inFlight.filter((each) => each !== entry);
      return;
    }
    blocked.set(share, seq);
    if (result === 'busy') source.isBusy = true;
    if (!again.delete(share) || again.size > 0 || source.next === source.end) return;
    source.next = source.end;
    source.read = [];
  }

  /** All were checked: a source whose groups had enough waits for them, a connected one until the next sweep. */
  #passed(source: Source): void {
    const { session, end, blocked, isBusy } = source;
    source.isPassing = false;
    if (isBusy && !session.online) return;
    this.#progress.set(session, { end, blocked });
    this.#end(session);
  }

  #read(source: Source): void {
    const { session, next } = source;
    source.isReading = true;
    session.queue.readStored(next, READ).then(
      ({ entries, last }) => {
        source.isReading = false;
        source.read = entries.filter(({ seq }) => seq >= next);
        if (source.read.length === 0) {
          source.next = last + 1;
          source.end = Math.max(source.end, source.next);
        }
        this.kick();
      },
      // The store reports it; the next sweep tries again.
      () => {
        source.isReading = false;
      },
    );
  }

  /** `stays` where no other member takes it now. */
  #move({ session, inFlight }: Source, entry: QueueEntry): 'moved' | 'never' | 'stays' | 'busy' {
    const isInFlight = inFlight.includes(entry);
    // [MQTT-4.8.2-5]: what was begun at QoS 2 goes to no other member.
    const isSent = entry.released || (entry.sent && !(session.isOver && entry.qos === 1));
    if (entry.share === 0 || isSent) return 'never';
    const group = this.#parts.groupOf(entry.share);
    const taker = group?.taker(session);
    if (taker === 'busy') return 'busy';
    if (!session.isOver && session.isUnsure(entry.seq, entry.at)) {
      if (entry.qos === 2) return 'never';
      if (this.#parts.now() - session.awaySince < RETURN_MS) return 'busy';
    }
    if (taker === undefined) return group && !session.isOver ? 'stays' : 'never';
    const found = isInFlight ? inFlightNow(session, entry) : session.queue.remove(entry);
    if (found === undefined) return 'never';
    if (session.queue.isTooOld(found)) {
      session.drop('expired');
      session.gave(found, isInFlight);
      return 'moved';
    }
    // First the new place: the publisher's acknowledgement waits for one of the two.
    takeOver(taker, found);
    session.gave(found, isInFlight);
    return 'moved';
  }
}

/** The next entry to check: in memory, `stored` on disk, or none. */
function entryAt({ session, inFlight, read, next }: Source): QueueEntry | 'stored' | undefined {
  const sent = inFlight.find(({ seq }) => seq >= next);
  if (sent) return sent;
  while (read.length > 0 && read[0]!.seq < next) read.shift();
  return read[0] ?? session.queue.first(next);
}

/** The entry, unless its client has acknowledged it meanwhile. */
function inFlightNow({ deliveries }: Session, entry: QueueEntry): QueueEntry | undefined {
  return deliveries.isUndelivered(entry.seq) ? entry : undefined;
}
