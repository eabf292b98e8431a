import type { Session } from './session.ts';

export interface ExpiryParts {
  readonly sessions: ReadonlyMap<string, Session>;
  /** How long the session of a disconnected client is kept, in milliseconds. */
  readonly limits: { readonly sessionExpiry: number };
  /** Milliseconds that never jump. */
  now(): number;
  readonly retained: { expired(now: number, limit: number): string[] };
  /** Ends the session of a client that was disconnected for too long. */
  end(session: Session): void;
  /** Deletes a retained message that has expired. */
  deleteRetained(topic: string): void;
}

/** The most sessions or messages that one sweep checks or drops; the next sweeps handle the others. */
const SESSIONS = 500;
const MESSAGES = 2000;
const RETAINED = 2000;

/** Ends the sessions of clients that were disconnected for too long and drops messages that are too old, in bounded steps. */
export class Expiry {
  readonly #parts: ExpiryParts;
  #round: Iterator<Session>;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#round = parts.sessions.values();
  }

  sweep(): void {
    const { sessions, retained, limits, now, end, deleteRetained } = this.#parts;
    const time = now();
    for (const topic of retained.expired(time, RETAINED)) deleteRetained(topic);
    let messages = MESSAGES;
    for (let checked = 0; checked < SESSIONS && messages > 0; checked++) {
      const { value: session, done } = this.#round.next();
      if (done) {
        this.#round = sessions.values();
        return;
      }
      if (session.persistent && session.isExpired(time, limits.sessionExpiry)) end(session);
      else messages -= session.expire(messages);
    }
  }
}
