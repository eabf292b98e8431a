import type { Logger } from 'pino';

/**
 * What was done with one message when this program failed: `packet` of a client, `delivery` to one subscriber,
 * `control` (CONNECT, wills, the end of a client), `commit`, `load` from disk, `send` to a plant, `receive` from a
 * plant, `command` to a part of the gateway, `feed` of the page and of `$SYS`.
 */
export const STAGES = [
  'packet',
  'delivery',
  'control',
  'commit',
  'load',
  'send',
  'receive',
  'command',
  'feed',
] as const;

export type Stage = (typeof STAGES)[number];

/** The refused messages of the broker in `cellgate queue`: no uplink can have this name. */
export const REFUSED_BY_BROKER = 'cellgate.broker';

/** A fault of one kind is logged once in this time; the two bounds below are for as long. */
const LOG_AGAIN_MS = 60_000;
/** Lines of the log; each kind of fault has one. */
const LINES = 20;
/** A fault is a trouble for so long. */
const TROUBLE_MS = 3_600_000;
/** Messages that are set aside although no acknowledgement waits for them. */
const KEPT = 100;
/** Characters of an error's text. */
const LONGEST = 300;

/**
 * The faults of this program that were caught while one message was handled: the message is set aside, and all else
 * continues. Counts them by stage, logs each kind once a minute and reports them as a trouble.
 */
export class Faults {
  readonly name = 'faults';
  readonly counts: Readonly<Record<Stage, number>>;
  readonly #counts: Record<Stage, number>;
  readonly #log: Logger;
  readonly #now: () => number;
  #last: { readonly at: number; readonly sentence: string } | undefined;
  /** Of the present minute: the kinds that were logged, the faults that were not, the messages that were kept. */
  #minute = { since: Number.NEGATIVE_INFINITY, kinds: new Set<string>(), more: 0, kept: 0 };

  /** `now` in milliseconds on a monotonic clock. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
    this.#counts = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
    this.counts = this.#counts;
  }

  async start(): Promise<void> {
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    await Promise.resolve();
  }

  /** Counts and logs an error; `what` was being done, and for whom. Returns the reason for the refused messages. */
  caught(stage: Stage, what: string, error: unknown): string {
    const reason = `a fault of the gateway, ${what}: ${textOf(error)}`;
    const now = this.#now();
    this.#counts[stage]++;
    this.#last = { at: now, sentence: `${what}: ${textOf(error)}` };
    const { more } = this.#minute;
    const minute = this.#current(now);
    const kind = `${stage} ${textOf(error)}`;
    if (minute.kinds.has(kind) || minute.kinds.size >= LINES) {
      minute.more++;
      return reason;
    }
    const before = minute.kinds.size === 0 && more > 0 ? { before: more } : {};
    minute.kinds.add(kind);
    this.#log.error({ err: error, stage, ...before }, reason);
    return reason;
  }

  #current(now: number) {
    if (now - this.#minute.since >= LOG_AGAIN_MS) {
      this.#minute = { since: now, kinds: new Set(), more: 0, kept: 0 };
    }
    return this.#minute;
  }

  /** Calls `act` with each; one at which it throws is passed to `failed`, and the others follow. */
  each<T>(
    all: readonly T[],
    act: (one: T) => void,
    failed: (one: T, error: unknown) => void,
  ): void {
    for (let i = 0; i < all.length; i++) {
      try {
        // One barrier for all of them costs less than one for each.
        for (; i < all.length; i++) act(all[i]!);
      } catch (error) {
        failed(all[i]!, error);
      }
    }
  }

  /** The function without its errors, which are counted. */
  guard(stage: Stage, what: string, act: () => void): () => void {
    return () => {
      try {
        act();
      } catch (error) {
        this.caught(stage, what, error);
      }
    };
  }

  /** Whether one more message may be set aside for which no acknowledgement waits: bounds what is written. */
  mayKeep(): boolean {
    return ++this.#current(this.#now()).kept <= KEPT;
  }

  trouble(): string | undefined {
    if (!this.#last || this.#now() - this.#last.at > TROUBLE_MS) return undefined;
    const count = STAGES.reduce((sum, stage) => sum + this.#counts[stage], 0);
    const { sentence } = this.#last;
    return `a fault of the gateway, ${count} since the start, the last one ${sentence}; what it was doing was set aside, all else continues`;
  }
}

function textOf(error: unknown): string {
  return String(error).slice(0, LONGEST);
}

/** A topic for a sentence: short, and without control characters. */
export function shortTopic(topic: string): string {
  const short = JSON.stringify(topic.length > 100 ? `${topic.slice(0, 100)}…` : topic);
  return short.replaceAll(/\p{Cc}/gu, (one) => `\\u00${one.charCodeAt(0).toString(16)}`);
}
