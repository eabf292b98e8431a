import type { Session } from './session.ts';

export interface ExpiryParts {
  readonly sessions: ReadonlyMap<string, Session>;
  /** Milliseconds. */
  readonly limits: {
    readonly sessionExpiry: number;
    readonly queue: { readonly age: number };
  };
  /** Milliseconds that never jump. */
  now(): number;
  /** Ends a session whose client has stayed away too long. */
  end(session: Session): void;
}

/** Most that one sweep looks at or drops; the rest has its turn in the next ones. */
const SESSIONS = 500;
const MESSAGES = 2000;

/** Ends the sessions of clients that stay away and drops what has waited too long, a bounded step at a time. */
export class Expiry {
  readonly #parts: ExpiryParts;
  #round: Iterator<Session>;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#round = parts.sessions.values();
  }

  sweep(): void {
    const { sessions, limits, now, end } = this.#parts;
    const oldest = now() - limits.queue.age;
    const awaySince = now() - limits.sessionExpiry;
    let messages = MESSAGES;
    for (let looked = 0; looked < SESSIONS && messages > 0; looked++) {
      const { value: session, done } = this.#round.next();
      if (done) {
        this.#round = sessions.values();
        return;
      }
      if (!session.online && session.persistent && session.awaySince < awaySince) end(session);
      else messages -= session.dropOlder(oldest, messages);
    }
  }
}
