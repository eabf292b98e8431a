import { QUOTA_EXCEEDED } from '../../mqtt/reason-codes.ts';
import type { Session } from './session.ts';
import { sessionsToEnd } from './session-shares.ts';
import type { Sessions } from './sessions.ts';

type AbsentKey = 'sessions' | 'absentQueueBytes' | 'queueMemory' | 'unreleased';

export interface AbsentLimits {
  readonly connections: number;
  /** Of all clients, connected or not; undefined for 10,000, at least twice `connections`. */
  readonly sessions?: number | undefined;
  /** Bytes in the queues of all absent clients together. */
  readonly absentQueueBytes: number;
  /** Bytes of the wills of all absent clients together: they are in memory. */
  readonly queueMemory: number;
  /** QoS 2 messages that clients have published and not released, of all sessions together. */
  readonly unreleased: number;
  /** Whether the session of the absent client that has the most ends where there is no room. */
  readonly absentSessions: 'end-largest' | 'keep';
}

/** The wills of absent clients, which wait for their delay. */
export interface WaitingWills {
  readonly bytes: number;
  bytesOf(clientId: string): number;
  /** The session of this client has ended. */
  sessionEnded(clientId: string): void;
}

export interface AbsentSessionsParts {
  readonly sessions: Pick<Sessions, 'byClientId' | 'endSession'>;
  readonly limits: AbsentLimits;
  wills(): Pick<WaitingWills, 'bytes' | 'bytesOf'>;
  reached(key: AbsentKey): void;
  /** The session of an absent client has ended for this reason. */
  ended(clientId: string, reason: string): void;
  /** Ends the connection of a session's client. */
  disconnect(session: Session, reason: string, reasonCode: number): void;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
}

const queueBytes = ({ queue, online }: Session): number => (online ? 0 : queue.bytes);
/** Sessions where the config says nothing else. */
const SESSIONS = 10_000;
/** The most sessions of clients, connected or not. */
export function mostSessions({
  sessions,
  connections,
}: Pick<AbsentLimits, 'sessions' | 'connections'>): number {
  return sessions ?? Math.max(SESSIONS, 2 * connections);
}

/** Sessions that end in one sweep at most: each is searched among all. */
const ENDS = 10;
/** Sessions that one search among all finds for the next clients without one: at most so many, and of so many one. */
const FOUND = 64;
const FOUND_SHARE = 100;
/** For so long they are used: by then others may have more. */
const FOUND_MS = 1000;

const MOST_UNRELEASED = 'has the most unreleased QoS 2 messages of all clients';
const unreleased = ({ incoming }: Session): number => incoming.size;

/** Ends sessions of absent clients where what they have leaves no room for the others. */
export class AbsentSessions {
  readonly #parts: AbsentSessionsParts;
  #found: Session[] = [];
  #foundAt = 0;

  constructor(parts: AbsentSessionsParts) {
    this.#parts = parts;
  }

  /**
   * Ends the session of the absent client that has the most, and returns how much; 0 where no absent client has any, or
   * the policy keeps them. The client learns it when it connects: its session is not present. What its queue had is
   * counted; messages of shared subscriptions go to other members, unless it ends because of the bytes in queues.
   */
  endLargest(of: string, has: (session: Session) => number): number {
    const { sessions, limits } = this.#parts;
    if (limits.absentSessions === 'keep') return 0;
    let largest: Session | undefined;
    let most = 0;
    for (const session of sessions.byClientId.values()) {
      if (session.online || session.opening) continue;
      const number = has(session);
      if (number <= most) continue;
      most = number;
      largest = session;
    }
    if (!largest) return 0;
    this.#end(largest, of, has !== queueBytes);
    return most;
  }

  /** Whether a client that has no session may get one; makes room where an absent client has been away for long. */
  hasRoomFor(clientId: string): boolean {
    const { sessions, limits, reached } = this.#parts;
    const { byClientId } = sessions;
    if (byClientId.size < mostSessions(limits) || byClientId.has(clientId)) return true;
    reached('sessions');
    if (limits.absentSessions === 'keep') return false;
    const session = this.#nextToEnd();
    if (session) this.#end(session, 'longest absence');
    return session !== undefined;
  }

  /** Those that the last search has found and whose clients are still absent; else it searches again. */
  #nextToEnd(): Session | undefined {
    const { byClientId } = this.#parts.sessions;
    const now = this.#parts.now();
    const isValid = (each: Session): boolean =>
      byClientId.get(each.clientId) === each && !each.online && !each.opening;
    if (now - this.#foundAt > FOUND_MS) this.#found = [];
    let session = this.#found.find(isValid);
    if (!session) {
      const count = Math.min(FOUND, Math.ceil(byClientId.size / FOUND_SHARE));
      this.#found = sessionsToEnd(byClientId.values(), count);
      this.#foundAt = now;
      session = this.#found[0];
    }
    this.#found.splice(0, this.#found.indexOf(session!) + 1);
    return session;
  }

  #end(session: Session, why: string, hasRoom = true): void {
    this.#parts.sessions.endSession(session, 'session-cut', hasRoom);
    this.#parts.ended(session.clientId, `absent, with the ${why}: its session has ended`);
  }

  /** Called several times a second: the queues of absent clients and the identifiers grow in between. */
  sweep(): void {
    const { limits } = this.#parts;
    this.#boundWills();
    this.#bound('absentQueueBytes', limits.absentQueueBytes, 'most bytes in its queue', queueBytes);
    if (this.#bound('unreleased', limits.unreleased, 'most unreleased messages', unreleased))
      return;
    let most: Session | undefined;
    for (const session of this.#parts.sessions.byClientId.values()) {
      if (unreleased(session) > (most ? unreleased(most) : 0)) most = session;
    }
    if (most) this.#parts.disconnect(most, MOST_UNRELEASED, QUOTA_EXCEEDED);
  }

  /** A will whose session ends is published. */
  #boundWills(): void {
    const { limits } = this.#parts;
    const wills = this.#parts.wills();
    if (wills.bytes <= limits.queueMemory) return;
    const willBytes = ({ clientId, online }: Session): number =>
      online ? 0 : wills.bytesOf(clientId);
    this.#bound('queueMemory', limits.queueMemory, 'largest will', willBytes);
  }

  /** False where all sessions have more than the limit and no absent one can end. */
  #bound(key: AbsentKey, limit: number, of: string, has: (session: Session) => number): boolean {
    const { sessions, reached } = this.#parts;
    let total = 0;
    for (const session of sessions.byClientId.values()) total += has(session);
    for (let ends = 0; total > limit && ends < ENDS; ends++) {
      reached(key);
      const ended = this.endLargest(of, has);
      if (ended === 0) return false;
      total -= ended;
    }
    return true;
  }
}
