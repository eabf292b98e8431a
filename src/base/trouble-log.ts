import type { Logger } from 'pino';
import type { Service } from './lifecycle.ts';
import { countOf, type Trouble } from './troubles.ts';

type Level = 'warn' | 'info';

/** A trouble that begins or ends, as it is logged where it is the only one. */
export interface TroubleEvent extends Trouble {
  readonly log: Pick<Logger, Level>;
  readonly sentence: string;
  readonly error?: unknown;
}

/** An event with its place among all. */
interface Gathered extends TroubleEvent {
  readonly order: number;
}

interface Group {
  readonly level: Level;
  readonly cause: string;
  readonly events: Map<string, Gathered>;
  /** When the first and the last of them came. */
  readonly firstAt: number;
  lastAt: number;
}

/** Troubles of one cause are one line where each comes within this time of the one before, for so long at most. */
const GATHER_MS = 2000;
const LONGEST_GATHER_MS = 5000;
/** How often the collected failures are checked. */
const CHECK_MS = 250;
/** The shortest time between two lines of one cause that begins. */
const REPEAT_MS = 10_000;
/** Names in one line. */
const NAMES = 100;
/** Causes whose last line is remembered; the oldest is dropped. */
const CAUSES = 1000;

/** Logs what begins and ends to fail: one line for each cause, with a count. */
export class TroubleLog implements Service {
  readonly name = 'log of troubles';
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #groups = new Map<string, Group>();
  /** When the cause was logged last. */
  readonly #logged = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #order = 0;

  /** `now` gives milliseconds on a monotonic clock. */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  async start(): Promise<void> {
    await Promise.resolve();
  }

  /** Logs what has been gathered. */
  async stop(): Promise<void> {
    this.#flush();
    await Promise.resolve();
  }

  began(event: TroubleEvent): void {
    this.#add('warn', event);
  }

  /** `cause` is what is the same for all that end together. */
  ended(event: TroubleEvent): void {
    this.#add('info', event);
  }

  #flush(): void {
    const latest = ({ events }: Group): number =>
      Math.max(...[...events.values()].map(({ order }) => order));
    const groups = [...this.#groups].sort(([, one], [, other]) => latest(one) - latest(other));
    for (const [key, group] of groups) this.#write(key, group);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #add(level: Level, event: TroubleEvent): void {
    const cause = event.shared ?? event.cause;
    const key = `${level} ${cause}`;
    const now = this.#now();
    let group = this.#groups.get(key);
    if (!group) {
      group = { level, cause, events: new Map(), firstAt: now, lastAt: now };
      this.#groups.set(key, group);
    }
    group.lastAt = now;
    this.#order += 1;
    group.events.set(`${event.kind} ${event.name}`, { ...event, order: this.#order });
    this.#timer ??= setTimeout(() => this.#writeDue(), CHECK_MS);
    this.#timer.unref();
  }

  #writeDue(): void {
    this.#timer = undefined;
    const now = this.#now();
    for (const [key, group] of this.#groups) {
      const last = this.#logged.get(key) ?? Number.NEGATIVE_INFINITY;
      const isComplete =
        now - group.lastAt >= GATHER_MS || now - group.firstAt >= LONGEST_GATHER_MS;
      const mayBeWritten =
        group.level === 'info' ? !this.#endsUnwritten(group) : now - last >= REPEAT_MS;
      if (isComplete && mayBeWritten) this.#write(key, group);
    }
    if (this.#groups.size === 0) return;
    this.#timer = setTimeout(() => this.#writeDue(), CHECK_MS);
    this.#timer.unref();
  }

  /** Whether what ends here has begun in a line that is yet to be written: that line comes first. */
  #endsUnwritten({ events }: Group): boolean {
    const begun = [...this.#groups.values()].filter(({ level }) => level === 'warn');
    return [...events].some(([name, { order }]) =>
      begun.some((group) => (group.events.get(name)?.order ?? order) < order),
    );
  }

  #write(key: string, { level, cause, events }: Group): void {
    this.#groups.delete(key);
    this.#logged.delete(key);
    if (this.#logged.size >= CAUSES) this.#logged.delete(this.#logged.keys().next().value!);
    this.#logged.set(key, this.#now());
    const all = [...events.values()];
    const first = all[0]!;
    if (all.length === 1) {
      const { log, sentence, error } = first;
      if (error === undefined) log[level](sentence);
      else log[level]({ err: error }, sentence);
      return;
    }
    const same = all.every((event) => event.cause === first.cause);
    const names = all.slice(0, NAMES).map(({ name }) => name);
    this.#log[level]({ names }, `${countOf(all)}: ${same ? first.cause : cause}`);
  }
}
