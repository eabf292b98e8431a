import type { Logger } from 'pino';

/** A burst ends when nothing was dropped for this long. */
const QUIET_MS = 10_000;
/** The most bursts that are logged at the same time; other drops are only counted. */
const BURSTS = 1000;

interface Burst {
  count: number;
  timer: NodeJS.Timeout;
}

/** Counts dropped messages by reason, and logs the begin of each burst and at its end their number. */
export class DropCounter {
  readonly byReason = new Map<string, number>();
  readonly #bursts = new Map<string, Burst>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get total(): number {
    let total = 0;
    for (const count of this.byReason.values()) total += count;
    return total;
  }

  /** `who` is the receiver or source that lost the messages: a client id, a topic, a route. */
  count(who: string, reason: string, count = 1): void {
    this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + count);
    const key = `${reason} ${who}`;
    const burst = this.#bursts.get(key);
    if (burst) {
      burst.count += count;
      burst.timer.refresh();
      return;
    }
    if (this.#bursts.size >= BURSTS) return;
    this.#log.warn({ who, reason }, 'messages are being dropped');
    const timer = setTimeout(() => {
      this.#log.warn({ who, reason, count: this.#bursts.get(key)?.count }, 'messages were dropped');
      this.#bursts.delete(key);
    }, QUIET_MS);
    timer.unref();
    this.#bursts.set(key, { count, timer });
  }

  stop(): void {
    for (const { timer } of this.#bursts.values()) clearTimeout(timer);
    this.#bursts.clear();
  }
}
