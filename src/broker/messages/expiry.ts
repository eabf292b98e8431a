import type { Session } from './session.ts';

export interface ExpiryParts {
  readonly sessions: ReadonlyMap<string, Session>;
  /** How long the session of a disconnected client is kept, in milliseconds. */
  readonly limits: { readonly sessionExpiry: number };
  /** Milliseconds that never jump. */
  now(): number;
  /** Ends the session of a client that was disconnected for too long. */
  end(session: Session): void;
}

/** The most sessions or messages that one sweep checks or drops; the next sweeps handle the others. */
const SESSIONS = 500;
const MESSAGES = 2000;

/** Ends the sessions of clients that were disconnected for too long and drops messages that are too old, in bounded steps. */
export class Expiry {
  readonly #parts: ExpiryParts;
  #round: Iterator<Session>;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#round = parts.sessions.values();
  }

  sweep(): void {
    const { sessions, limits, now, end } = this.#parts;
    const awaySince = now() - limits.sessionExpiry;
    let messages = MESSAGES;
    for (let checked = 0; checked < SESSIONS && messages > 0; checked++) {
      const { value: session, done } = this.#round.next();
      if (done) {
        this.#round = sessions.values();
        return;
      }
      if (!session.online && session.persistent && session.awaySince < awaySince) end(session);
      else messages -= session.expire(messages);
    }
  }
}
