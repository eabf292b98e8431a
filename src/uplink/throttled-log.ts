import type { Logger } from 'pino';

const EVERY_MS = 60_000;

/** Logs a state at most once a minute: of faster changes only the latest, and no sentence twice in a row. */
export class ThrottledLog {
  readonly #log: Logger;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #lastLogged = '';
  #latest: { level: 'info' | 'warn'; sentence: string } | undefined;

  constructor(log: Logger, everyMs = EVERY_MS) {
    this.#log = log;
    this.#everyMs = everyMs;
  }

  log(level: 'info' | 'warn', sentence: string): void {
    this.#latest = { level, sentence };
    if (!this.#timer) this.#write();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #write(): void {
    this.#timer = undefined;
    const { level, sentence } = this.#latest ?? {};
    this.#latest = undefined;
    if (!level || !sentence || sentence === this.#lastLogged) return;
    this.#lastLogged = sentence;
    this.#log[level](sentence);
    this.#timer = setTimeout(() => this.#write(), this.#everyMs);
    this.#timer.unref();
  }
}
