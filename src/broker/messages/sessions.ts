import { type Faults, shortTopic } from '../../base/faults.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import { NEVER } from '../../mqtt/properties.ts';
import { isShared } from '../../mqtt/shared-filter.ts';
import type { Message } from '../../queue/message.ts';
import type { StoredSession } from '../../store/recovery/load-state.ts';
import type { Store } from '../../store/store.ts';
import type { DropCounter } from '../stats/drop-counter.ts';
import type { TrafficCounters } from '../stats/traffic-counters.ts';
import type { FlowControl } from './flow-control.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { RetainedMessages } from './retained.ts';
import type { Router } from './router.ts';
import { Session } from './session.ts';
import type { DropReason, SessionContext, SessionLimits, SessionParts } from './session-parts.ts';
import { ShareGroups } from './share-groups.ts';
import { restoredOptions } from './subscription-options.ts';

export interface SessionsParts {
  readonly store: Store;
  readonly limits: SessionLimits & {
    readonly sessionExpiry: number;
    readonly absentQueueBytes: number;
  };
  readonly router: Router;
  readonly drops: DropCounter;
  readonly memory: MemoryBudget;
  readonly flow: FlowControl;
  readonly retained: RetainedMessages;
  readonly turnBudget: TurnBudget;
  readonly traffic: TrafficCounters;
  readonly faults: Faults;
  /** Moves a message that can't be delivered to the refused messages. */
  setAside(message: Message, to: string, error: unknown): void;
  /** The session of this client has ended. */
  sessionEnded(clientId: string): void;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
}

/** First character of the session names of the gateway's own parts; a client id can't contain it [MQTT-1.5.3-2]. */
export const OWN_SESSION = '\0';
/** Begins the names of sessions that have ended, and have messages for other members of their groups. */
const LEFT_SESSION = `${OWN_SESSION}left/`;

/** Stored while a client is connected, instead of the time when it was last connected; negative: of a crash then. */
const CONNECTED = 0;

/** The sessions of all clients, connected or not, in memory and on disk. */
export class Sessions {
  readonly #parts: SessionsParts;
  /** Subscriptions of ended sessions that the router still has, and the bytes of their filters. */
  readonly ending = { count: 0, bytes: 0 };
  /** The groups of shared subscriptions. */
  readonly shares: ShareGroups;
  /** Why those sessions have ended whose messages others get. */
  readonly #reasons = new WeakMap<Session, DropReason | undefined>();
  #context: SessionContext | undefined;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: SessionsParts) {
    this.#parts = parts;
    this.shares = new ShareGroups({
      ...parts,
      diskFails: () => parts.store.isFailing,
      store: (session) => this.#store(session),
      finish: (session) => this.#delete(session, this.#reasons.get(session)),
    });
  }

  get byClientId(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /** Restores the stored sessions with their subscriptions and queues. */
  recover(): void {
    const { store, router, faults } = this.#parts;
    const left: Session[] = [];
    const take = (stored: StoredSession): void => {
      const { clientId, key } = stored;
      const isLeft = clientId.startsWith(LEFT_SESSION);
      if (clientId.startsWith(OWN_SESSION) && !isLeft) return;
      const expiryMs = expiryMsOf(stored.expiry);
      const session = this.#newSession({ clientId, key, persistent: true, stored, expiryMs });
      if (isLeft) return void left.push(session);
      this.#sessions.set(clientId, session);
      // Its client was connected at a crash: the count of its absence does not begin again at the next crash.
      if (stored.seen === CONNECTED) store.journal.add(['sessionSeen', -session.awaySince, key]);
      for (const { packetId, digest } of stored.incoming) session.incoming.set(packetId, digest);
      for (const { filter, qos, options, identifier } of stored.subscriptions) {
        session.subscriptions.set(filter, qos);
        const restored = restoredOptions(options, identifier);
        if (isShared(filter)) this.shares.join(filter, session, qos, restored);
        else router.subscribe(filter, session, qos, restored);
      }
    };
    faults.each(store.recovered.sessions, take, ({ clientId }, error) => {
      faults.caught('load', `loading the session of client ${shortTopic(clientId)}`, error);
    });
    for (const session of left) {
      session.leave();
      this.shares.takeAll(session);
    }
  }

  /**
   * The session of a client that connects [MQTT-3.1.2-4 to 3.1.2-6]; `present` goes into its CONNACK. `expiry` is how many
   * seconds it outlives its connection, `NEVER` for as long as the config says.
   */
  openSession(
    clientId: string,
    clean: boolean,
    expiry: number = clean ? 0 : NEVER,
  ): { session: Session; present: boolean } {
    const before = this.#sessions.get(clientId);
    const { store, now, limits } = this.#parts;
    const lasts = before?.persistent && before.expiryMs > 0;
    if (lasts && !clean && !before.isExpired(now(), limits.sessionExpiry)) {
      before.awaySince = now();
      before.opening = true;
      store.journal.add(['sessionSeen', CONNECTED, before.key]);
      this.setExpiry(before, expiry);
      return { session: before, present: true };
    }
    if (before) this.endSession(before);
    const persistent = expiry > 0;
    // A session that ends with its connection is never stored: it needs no number.
    const key = persistent ? store.takeSessionKey() : 0;
    // First: a session that is not on disk must not be in memory.
    if (persistent) store.journal.add(['openSession', key, clientId, CONNECTED, expiry]);
    const expiryMs = expiryMsOf(expiry);
    const session = this.#createSession({ clientId, key, persistent, expiryMs });
    session.opening = true;
    return { session, present: false };
  }

  /** Changes how many seconds the session outlives its connection. */
  setExpiry(session: Session, expiry: number): void {
    const expiryMs = expiryMsOf(expiry);
    if (session.expiryMs === expiryMs) return;
    session.expiryMs = expiryMs;
    if (session.persistent) {
      this.#parts.store.journal.add(['sessionExpiry', expiry, session.key]);
    }
  }

  #createSession(identity: Omit<SessionParts, 'context'>): Session {
    const session = this.#newSession(identity);
    this.#sessions.set(session.clientId, session);
    return session;
  }

  #newSession(identity: Omit<SessionParts, 'context'>): Session {
    // Not in the constructor, because the store has a journal only after its start.
    this.#context ??= createContext(this.#parts, this.shares);
    return new Session({ context: this.#context, ...identity });
  }

  /** Makes the user the owner of the session; '' if no user has logged in. */
  setOwner(session: Session, user: string): void {
    if (session.owner === user) return;
    session.owner = user;
    if (session.persistent) this.#parts.store.journal.add(['sessionOwner', user, session.key]);
  }

  /** The client's connection has ended: a clean session ends with it. */
  clientGone(session: Session): void {
    session.disconnect();
    if (session.isLeaving) return;
    if (!session.persistent || session.expiryMs === 0) this.endSession(session);
    else if (!session.ended) {
      this.#parts.store.journal.add(['sessionSeen', this.#parts.now(), session.key]);
    }
  }

  /**
   * Deletes the session, its subscriptions and its queue; the queue is counted as dropped if there is a reason. Messages
   * of shared subscriptions go to other members, unless `hasRoom` is false: queues have no more room for them.
   */
  endSession(session: Session, reason?: DropReason, hasRoom = true): void {
    if (session.isLeaving) return;
    const { turnBudget, faults } = this.#parts;
    if (hasRoom && this.shares.mayHaveMessages(session)) this.#leave(session, reason);
    else this.#delete(session, reason);
    this.ending.count += session.subscriptions.size;
    this.ending.bytes += session.subscriptions.bytes;
    turnBudget.run(this.#unsubscribe(session), (error) => {
      if (error) faults.caught('control', `ending the session of ${session.label}`, error);
    });
    if (this.#sessions.get(session.clientId) !== session) return;
    this.#sessions.delete(session.clientId);
    this.#parts.sessionEnded(session.clientId);
  }

  #delete(session: Session, reason?: DropReason): void {
    session.end(reason);
    if (session.persistent) this.#parts.store.journal.add(['endSession', session.key]);
  }

  /** Until other members of its groups have its messages, a stored session keeps them under a name that no client has. */
  #leave(session: Session, reason?: DropReason): void {
    const { key, sent, persistent, unsureSince } = session;
    this.#reasons.set(session, reason);
    session.leave();
    if (persistent) {
      const { journal } = this.#parts.store;
      const seen = unsureSince > 0 ? -unsureSince : this.#parts.now();
      journal.add(['openSession', key, `${LEFT_SESSION}${key}`, seen, 0]);
      journal.add(['sessionSent', sent, key]);
    }
    this.shares.takeAll(session);
  }

  /** Puts a session on disk that ends with its connection, so that others get its messages after a crash too. */
  #store(session: Session): void {
    const { store, router } = this.#parts;
    const key = store.takeSessionKey();
    store.journal.add(['openSession', key, session.clientId, CONNECTED, 0]);
    session.store(key);
    router.forgetRoutes();
  }

  *#unsubscribe(session: Session): Generator<undefined, void> {
    for (const filter of session.subscriptions.keys()) {
      if (isShared(filter)) this.shares.leave(filter, session);
      else this.#parts.router.unsubscribe(filter, session);
      this.ending.count--;
      this.ending.bytes -= Buffer.byteLength(filter);
      yield;
    }
  }
}

/** An expiry in seconds as milliseconds. */
function expiryMsOf(seconds: number): number {
  return seconds === NEVER ? Number.POSITIVE_INFINITY : seconds * 1000;
}

function createContext(parts: SessionsParts, shares: ShareGroups): SessionContext {
  const { store, limits, drops, memory, flow, retained, turnBudget, traffic, now, setAside } =
    parts;
  return {
    journal: store.journal,
    limits,
    memory,
    flow,
    shares,
    retained,
    turnBudget,
    load: (key, seq, limit) => store.load(key, seq, limit),
    now,
    dropped: ({ clientId }, reason, count) => drops.count(clientId, reason, count),
    delivered: (ms) => traffic.delivery.observe(ms),
    setAside,
  };
}
