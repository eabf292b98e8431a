import { type Faults, shortTopic } from '../../base/faults.ts';
import type { TurnBudget } from '../../base/turn-budget.ts';
import { NEVER } from '../../mqtt/properties.ts';
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
import { storedShares } from './stored-shares.ts';
import { restoredOptions } from './subscription-options.ts';

export interface SessionsParts {
  readonly store: Store;
  readonly limits: SessionLimits & { readonly sessionExpiry: number };
  readonly router: Router;
  readonly drops: DropCounter;
  readonly memory: MemoryBudget;
  readonly flow: FlowControl;
  readonly retained: RetainedMessages;
  readonly turnBudget: TurnBudget;
  readonly traffic: TrafficCounters;
  /** So many stored subscriptions were shared ones, and are removed. */
  sharesRemoved(count: number): void;
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

/** Stored while a client is connected, instead of the time when it was last connected. */
const CONNECTED = 0;

/** The sessions of all clients, connected or not, in memory and on disk. */
export class Sessions {
  readonly #parts: SessionsParts;
  /** Subscriptions of ended sessions that the router still has, and the bytes of their filters. */
  readonly ending = { count: 0, bytes: 0 };
  #context: SessionContext | undefined;
  readonly #sessions = new Map<string, Session>();

  constructor(parts: SessionsParts) {
    this.#parts = parts;
  }

  get byClientId(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /** Restores the stored sessions with their subscriptions and queues. */
  recover(): void {
    const { store, router, faults, sharesRemoved } = this.#parts;
    let removed = 0;
    const take = (stored: StoredSession): void => {
      const { clientId, key } = stored;
      if (clientId.startsWith(OWN_SESSION)) return;
      const expiryMs = expiryMsOf(stored.expiry);
      const session = this.#createSession({ clientId, key, persistent: true, stored, expiryMs });
      for (const { packetId, digest } of stored.incoming) session.incoming.set(packetId, digest);
      const shares = new Set(storedShares(stored));
      for (const filter of shares) store.journal.add(['unsubscribe', key, filter]);
      removed += shares.size;
      for (const { filter, qos, options, identifier } of stored.subscriptions) {
        if (shares.has(filter)) continue;
        session.subscriptions.set(filter, qos);
        router.subscribe(filter, session, qos, restoredOptions(options, identifier));
      }
    };
    faults.each(store.recovered.sessions, take, ({ clientId }, error) => {
      faults.caught('load', `loading the session of client ${shortTopic(clientId)}`, error);
    });
    if (removed > 0) sharesRemoved(removed);
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
    if (before?.persistent && !clean && !before.isExpired(now(), limits.sessionExpiry)) {
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
    // Not in the constructor, because the store has a journal only after its start.
    this.#context ??= createContext(this.#parts);
    const session = new Session({ context: this.#context, ...identity });
    this.#sessions.set(session.clientId, session);
    return session;
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
    if (!session.persistent || session.expiryMs === 0) this.endSession(session);
    else if (!session.ended) {
      this.#parts.store.journal.add(['sessionSeen', this.#parts.now(), session.key]);
    }
  }

  /** Deletes the session, its subscriptions and its queue; the queue is counted as dropped if there is a reason. */
  endSession(session: Session, reason?: DropReason): void {
    const { store, turnBudget, faults } = this.#parts;
    session.end(reason);
    this.ending.count += session.subscriptions.size;
    this.ending.bytes += session.subscriptions.bytes;
    turnBudget.run(this.#unsubscribe(session), (error) => {
      if (error) faults.caught('control', `ending the session of ${session.label}`, error);
    });
    if (session.persistent) store.journal.add(['endSession', session.key]);
    if (this.#sessions.get(session.clientId) !== session) return;
    this.#sessions.delete(session.clientId);
    this.#parts.sessionEnded(session.clientId);
  }

  *#unsubscribe(session: Session): Generator<undefined, void> {
    for (const filter of session.subscriptions.keys()) {
      this.#parts.router.unsubscribe(filter, session);
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

function createContext(parts: SessionsParts): SessionContext {
  const { store, limits, drops, memory, flow, retained, turnBudget, traffic, now, setAside } =
    parts;
  return {
    journal: store.journal,
    limits,
    memory,
    flow,
    retained,
    turnBudget,
    load: (key, seq, limit) => store.load(key, seq, limit),
    now,
    dropped: ({ clientId }, reason, count) => drops.count(clientId, reason, count),
    delivered: (ms) => traffic.delivery.observe(ms),
    setAside,
  };
}
