import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { LineBudget } from '../../base/line-budget.ts';
import { OTHERS } from '../../base/top-counts.ts';

/** A burst ends when nothing was dropped for this long. */
const QUIET_MS = 10_000;
/** The most bursts of single receivers at the same time. */
const BURSTS = 1000;

interface Burst {
  count: number;
  timer: NodeJS.Timeout;
}

/**
 * Counts dropped messages by reason, and logs the begin of each burst and at its end their number. Beyond a number of
 * lines, the bursts of one reason are one.
 */
export class DropCounter {
  readonly byReason = new Map<string, number>();
  readonly #bursts = new Map<string, Burst>();
  readonly #log: Logger;
  readonly #budget: LineBudget;

  /** `now` in milliseconds on a monotonic clock. */
  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#budget = new LineBudget(now);
  }

  get total(): number {
    let total = 0;
    for (const count of this.byReason.values()) total += count;
    return total;
  }

  /** `who` is the receiver or source that lost the messages: a client id, a topic, a route. */
  count(who: string, reason: string, count = 1): void {
    this.byReason.set(reason, (this.byReason.get(reason) ?? 0) + count);
    if (this.#continues(who, reason, count)) return;
    if (this.#bursts.size < BURSTS && this.#budget.take()) this.#begin(who, reason, count);
    else if (!this.#continues(OTHERS, reason, count)) this.#begin(OTHERS, reason, count);
  }

  #continues(who: string, reason: string, count: number): boolean {
    const burst = this.#bursts.get(`${reason} ${who}`);
    if (!burst) return false;
    burst.count += count;
    burst.timer.refresh();
    return true;
  }

  #begin(who: string, reason: string, count: number): void {
    const key = `${reason} ${who}`;
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
