import type { SentenceLog } from './throttled-log.ts';

/** The shortest time between two reports: losses that follow faster are one report, with each of them. */
const EVERY_MS = 6000;
/** The same for the causes of a loss that lasts longer than this. */
const LASTING_MS = 60_000;
/** Losses of one report that are listed; more are only counted. */
const LISTED = 100;

interface Loss {
  /** Milliseconds since the epoch. */
  readonly at: number;
  cause: string;
  logged: boolean;
}

/** Logs each loss of a connection: its cause when it begins, when it began and how long it lasted when it is back. */
export class LossLog {
  readonly #log: SentenceLog;
  /** Milliseconds since the epoch. */
  readonly #wall: () => number;
  #open: Loss | undefined;
  #ended: string[] = [];
  #unlisted = 0;
  #url = '';
  #lastCause = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(log: SentenceLog, wall: () => number) {
    this.#log = log;
    this.#wall = wall;
  }

  /** The connection has ended; while it is down, another cause is another report of the same loss. */
  lost(cause: string): void {
    if (!this.#open) this.#open = { at: this.#wall(), cause, logged: false };
    else if (this.#open.cause !== cause) {
      this.#open.cause = cause;
      this.#open.logged = false;
    }
    this.#report();
  }

  /** The connection is back, after `ms`. False if it was not lost. */
  back(url: string, ms: number): boolean {
    const loss = this.#open;
    if (!loss) return false;
    this.#open = undefined;
    this.#url = url;
    const cause = loss.logged || loss.cause === this.#lastCause ? '' : ` (${loss.cause})`;
    this.#lastCause = loss.cause;
    const text = `at ${new Date(loss.at).toISOString()} for ${(ms / 1000).toFixed(1)} s${cause}`;
    if (this.#ended.length < LISTED) this.#ended.push(text);
    else this.#unlisted++;
    this.#report();
    return true;
  }

  stop(): void {
    this.#write();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #report(): void {
    if (this.#timer || !this.#write()) return;
    const isLasting = this.#open !== undefined && this.#wall() - this.#open.at > LASTING_MS;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#report();
      },
      isLasting ? LASTING_MS : EVERY_MS,
    );
    this.#timer.unref();
  }

  /** True if there was something to write. */
  #write(): boolean {
    const hasEnded = this.#ended.length > 0;
    if (hasEnded) {
      const list = this.#ended.join(', ');
      const more = this.#unlisted > 0 ? ` and ${this.#unlisted} times more` : '';
      const sentence = `connected to ${this.#url}: messages flow again; the connection was lost ${list}${more}`;
      this.#ended = [];
      this.#unlisted = 0;
      this.#log.info(sentence);
    }
    const open = this.#open;
    if (!open || open.logged) return hasEnded;
    open.logged = true;
    this.#lastCause = open.cause;
    this.#log.warn(open.cause);
    return true;
  }
}
