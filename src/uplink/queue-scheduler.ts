import type { QueueEntry } from '../queue/queue-entry.ts';
import type { CurrentRouting } from './routing.ts';
import type { UplinkQueue } from './uplink-queue.ts';

/** The part of a queue that the scheduler needs. */
export type ScheduledQueue = Pick<UplinkQueue, 'high' | 'live' | 'peek' | 'take'> & {
  readonly queue: { readonly count: number };
};

export interface QueueSchedulerParts {
  routing(): CurrentRouting;
  queues(): Iterable<ScheduledQueue>;
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Called when the drain rate permits another message. */
  ready(): void;
}

/** How long to wait before the drain rate is checked again. */
const DRAIN_PAUSE_MS = 20;
/** The largest burst, as a part of the messages that the drain rate permits in a second. */
const BURST_S = 0.1;

/**
 * Decides from which queue the next message comes: first from the queues of high priority; then from the live queue up
 * to its share; then from the others in turn, with backlogs limited to the drain rate.
 */
export class QueueScheduler {
  readonly #parts: QueueSchedulerParts;
  /** The live queue's share of the messages sent since its last one; at 1 the live queue is next. */
  #share = 0;
  /** Messages of a backlog that the drain rate permits at present, and when this was calculated. */
  #tokens = { count: 0, at: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: QueueSchedulerParts) {
    this.#parts = parts;
  }

  /** Takes the next message; with `highOnly` only from the queues of high priority. `turn` counts the messages sent. */
  next(highOnly: boolean, turn: number): QueueEntry | undefined {
    const others: ScheduledQueue[] = [];
    let live: ScheduledQueue | undefined;
    for (const queue of this.#parts.queues()) {
      if (queue.queue.count === 0) continue;
      if (queue.high) {
        if (queue.peek()) return queue.take();
      } else if (queue.live) live = queue;
      else others.push(queue);
    }
    if (highOnly) return undefined;
    const isLiveTurn = this.#advanceShare() || others.length === 0;
    if (live?.peek() && isLiveTurn) {
      if (others.length > 0) this.#share--;
      return live.take();
    }
    if (others.length > 0) others.push(...others.splice(0, turn % others.length));
    for (const queue of others) {
      if (!queue.peek()) continue;
      if (!this.#mayDrain(queue)) break;
      return queue.take();
    }
    return live?.peek() && live.take();
  }

  /** Ends the timer; the next call of `next` may start it again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Adds the live queue's share of one message; true when the sum reaches a whole message. */
  #advanceShare(): boolean {
    this.#share = (this.#share + this.#parts.routing().config.live) % 2;
    return this.#share >= 1;
  }

  /** Whether the drain rate permits one more message of a backlog. */
  #mayDrain({ queue }: ScheduledQueue): boolean {
    const { drainRate, inflight } = this.#parts.routing().config;
    if (drainRate === undefined || queue.count <= inflight) return true;
    const now = this.#parts.monotonic();
    const gained = ((now - this.#tokens.at) / 1000) * drainRate;
    const count = Math.min(this.#tokens.count + gained, Math.max(1, drainRate * BURST_S));
    this.#tokens = { count, at: now };
    if (count >= 1) {
      this.#tokens.count--;
      return true;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#parts.ready();
    }, DRAIN_PAUSE_MS);
    return false;
  }
}
