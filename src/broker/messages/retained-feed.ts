import type { TurnBudget } from '../../base/turn-budget.ts';
import type { Qos } from '../../mqtt/codec.ts';
import type { Message } from '../../queue/message.ts';
import { type Grant, Publication, type PublicationLink, sendPublication } from './publication.ts';
import type { RetainedMessages } from './retained.ts';
import type { Retained, RetainedWalk } from './retained-walk.ts';

/** A filter whose subscriber gets the retained messages that were there when it subscribed. */
export interface Subscribed {
  readonly filter: string;
  /** What the subscription was granted. */
  readonly qos: Qos;
  /** The number of the last message that was there. */
  readonly upTo: number;
  /** What is sent with them; null for nothing, as before MQTT 5. */
  readonly grant: Grant | null;
  /** Whether the client still has the right to the filter. */
  isAllowed(): boolean;
}

export interface RetainedFeedParts {
  readonly retained: Pick<RetainedMessages, 'walk' | 'isComplete' | 'restored'>;
  readonly turnBudget: TurnBudget;
  /** Milliseconds of the stored clock. */
  now(): number;
}

/** First byte of a PUBLISH at QoS 0 with RETAIN. */
const RETAINED_HEADER = 0x31;
/** Topic levels that are visited between two checks of the turn and the client. */
const STEP = 64;
/** Messages that are remembered, so that overlapping filters send them once; beyond that they may be sent again. */
const REMEMBERED = 10_000;

/** Retained messages at QoS 0 that are being sent to a client, which may read slowly. */
export class RetainedFeed {
  readonly #parts: RetainedFeedParts;
  readonly #failed: (message: Message, error: unknown) => void;
  /** The filters that have not begun, each once. */
  readonly #filters = new Map<string, Subscribed>();
  #walk: RetainedWalk | undefined;
  #qos: Qos = 0;
  #grant: Grant | null = null;
  #isAllowed = (): boolean => true;
  /** What the walk has found, and how many of that were sent. */
  #found: readonly Retained[] = [];
  #next = 0;
  /** Messages that were sent while other filters waited. */
  readonly #sent = new Set<Retained>();
  /** The rest is sent in another turn. */
  #scheduled = false;

  /** `failed` is called for a message that can't be sent. */
  constructor(parts: RetainedFeedParts, failed: (message: Message, error: unknown) => void) {
    this.#parts = parts;
    this.#failed = failed;
  }

  get isEmpty(): boolean {
    return this.#walk === undefined && this.#filters.size === 0;
  }

  add(subscribed: Subscribed): void {
    this.#filters.set(subscribed.filter, subscribed);
  }

  /** The client has unsubscribed. */
  remove(filter: string): void {
    this.#filters.delete(filter);
  }

  /**
   * Sends as many as the client reads, without those that were replaced or deleted, or have expired since; `resume` in
   * another turn.
   */
  pump(link: PublicationLink, resume: () => void): void {
    if (this.#scheduled) return;
    const { turnBudget, retained } = this.#parts;
    const publication = new Publication();
    const continued = (): void => {
      this.#scheduled = false;
      resume();
    };
    while (this.#begin()) {
      if (!this.#walk) {
        this.#scheduled = true;
        return void retained.restored.then(continued);
      }
      if (turnBudget.isOver) {
        this.#scheduled = true;
        return turnBudget.later(continued);
      }
      if (!this.#isAllowed()) {
        this.#endWalk();
        continue;
      }
      while (this.#next < this.#found.length) {
        if (link.sendBuffer.congested) return;
        const retained = this.#found[this.#next++]!;
        if (!this.#isWanted(retained)) continue;
        const { message, topic } = retained;
        try {
          publication.of(message, topic, 0, true).grant = this.#grant;
          sendPublication(link, publication, RETAINED_HEADER, 0);
        } catch (error) {
          this.#failed(message, error);
        }
      }
      this.#found = this.#walk.take(STEP);
      this.#next = 0;
    }
    this.#sent.clear();
  }

  /**
   * Begins with the next filter when one has ended; false when all have. There is no walk while the filter's messages are
   * still being restored.
   */
  #begin(): boolean {
    if (this.#next < this.#found.length || (this.#walk && !this.#walk.isDone)) return true;
    this.#walk = undefined;
    for (const [filter, { qos, upTo, grant, isAllowed }] of this.#filters) {
      if (!this.#parts.retained.isComplete(filter)) return true;
      this.#filters.delete(filter);
      this.#walk = this.#parts.retained.walk(filter, upTo);
      this.#qos = qos;
      this.#grant = grant;
      this.#isAllowed = isAllowed;
      if (this.#walk) return true;
    }
    return false;
  }

  #isWanted(retained: Retained): boolean {
    if (!retained.current || Math.min(this.#qos, retained.qos) > 0) return false;
    const { expiresAt } = retained.message;
    if (expiresAt !== null && expiresAt < this.#parts.now()) return false;
    // Each subscription with an identifier gets its own copy.
    if (this.#grant !== null) return true;
    if (this.#sent.has(retained)) return false;
    if (this.#filters.size > 0 && this.#sent.size < REMEMBERED) this.#sent.add(retained);
    return true;
  }

  #endWalk(): void {
    this.#walk = undefined;
    this.#found = [];
    this.#next = 0;
  }

  clear(): void {
    this.#filters.clear();
    this.#endWalk();
    this.#sent.clear();
  }
}
