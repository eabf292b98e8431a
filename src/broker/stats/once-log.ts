import type { Logger } from 'pino';
import { LineBudget } from '../../base/line-budget.ts';

/** An event is logged once in this time; the bounds below are for as long. */
const LOG_AGAIN_MS = 60_000;
/** Lines about one client: what it sends, and so the text, may differ each time. */
const CLIENT_LINES = 10;
/**
 * Logs each kind of event once a minute and bounds the lines, so that no client can fill the log: of one client, and of
 * all clients, whose ids and addresses may differ each time too.
 */
export class OnceLog {
  readonly #log: Logger;
  readonly #budget: LineBudget;
  readonly #now: () => number;
  readonly #loggedAt = new Map<string, number>();
  /** Lines about each client, and events that were not logged, since `#began`. */
  readonly #clients = new Map<string, { lines: number; left: number }>();
  /** Events of clients that have no line, because there were too many lines. */
  #left = 0;
  #began: number;

  /** `now` in milliseconds on the monotonic clock. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#budget = new LineBudget(now);
    this.#began = now();
  }

  info(client: string, reason: string, message = 'connection closed'): void {
    if (this.#isDue(client, reason)) this.#log.info({ client, reason }, message);
  }

  /** Something that a client has caused failed inside the gateway. */
  error(client: string, error: unknown, message: string): void {
    if (this.#isDue(client, message)) this.#log.error({ client, err: error }, message);
  }

  /** Logs how many events were left out, once their minute is over. */
  sweep(): void {
    const now = this.#now();
    if (now - this.#began < LOG_AGAIN_MS) return;
    this.#began = now;
    for (const [client, { left: count }] of this.#clients) {
      if (count === 0) continue;
      if (this.#budget.take()) this.#log.info({ client, count }, 'more events of this client');
      else this.#left += count;
    }
    if (this.#left > 0) this.#log.info({ count: this.#left }, 'more events of other clients');
    this.#clients.clear();
    this.#left = 0;
    for (const [key, at] of this.#loggedAt) {
      if (now - at >= LOG_AGAIN_MS) this.#loggedAt.delete(key);
    }
  }

  #isDue(client: string, reason: string): boolean {
    this.sweep();
    const now = this.#now();
    const key = `${client} ${reason}`;
    const before = this.#loggedAt.get(key);
    if (before !== undefined && now - before < LOG_AGAIN_MS) return false;
    const own = this.#clients.get(client);
    if (own && own.lines >= CLIENT_LINES) {
      own.left++;
      return false;
    }
    if (!this.#budget.take()) {
      this.#left++;
      return false;
    }
    if (own) own.lines++;
    else this.#clients.set(client, { lines: 1, left: 0 });
    this.#loggedAt.set(key, now);
    return true;
  }
}
