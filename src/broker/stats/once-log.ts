import type { Logger } from 'pino';

/** An event is logged once in this time. */
const LOG_AGAIN_MS = 60_000;
/** The most events that are remembered; with more, all are forgotten. */
const LOGGED_EVENTS = 1000;

/** Logs each kind of event once a minute, so that a client that fails again and again does not fill the log. */
export class OnceLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loggedAt = new Map<string, number>();

  /** `now` in milliseconds on the monotonic clock. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  info(client: string, reason: string, message = 'connection closed'): void {
    if (this.#isDue(`${client} ${reason}`)) this.#log.info({ client, reason }, message);
  }

  /** The error of a subscriber inside the gateway to this filter, on a message of this topic. */
  subscriberError(filter: string, topic: string, error: unknown): void {
    if (!this.#isDue(`${filter} ${error}`)) return;
    this.#log.error({ error, topic }, 'a part of the gateway failed on a message');
  }

  #isDue(key: string): boolean {
    const now = this.#now();
    const before = this.#loggedAt.get(key);
    if (before !== undefined && now - before < LOG_AGAIN_MS) return false;
    if (this.#loggedAt.size >= LOGGED_EVENTS) this.#loggedAt.clear();
    this.#loggedAt.set(key, now);
    return true;
  }
}
