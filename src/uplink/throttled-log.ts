/** Where the sentences go. */
export interface SentenceLog {
  info(sentence: string): void;
  warn(sentence: string): void;
}

const EVERY_MS = 60_000;

/** So many sentences may follow at once, after as many minutes without any. */
const BURST = 5;

/** Logs a state about once a minute: of faster changes only the latest, and no sentence twice in a row. */
export class ThrottledLog {
  readonly #log: SentenceLog;
  readonly #everyMs: number;
  readonly #burst: number;
  #timer: NodeJS.Timeout | undefined;
  /** Sentences of the last minutes: each is forgotten after one. */
  #recent = 0;
  #lastLogged = '';
  #latest: { level: 'info' | 'warn'; sentence: string } | undefined;

  constructor(log: SentenceLog, everyMs = EVERY_MS, burst = BURST) {
    this.#log = log;
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  log(level: 'info' | 'warn', sentence: string): void {
    this.#latest = { level, sentence };
    if (this.#recent < this.#burst) this.#write();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #write(): void {
    const { level, sentence } = this.#latest ?? {};
    this.#latest = undefined;
    if (!level || !sentence || sentence === this.#lastLogged) return;
    this.#lastLogged = sentence;
    this.#recent++;
    this.#log[level](sentence);
    this.#startTimer();
  }

  #startTimer(): void {
    if (this.#timer || this.#recent === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#recent--;
      this.#write();
      this.#startTimer();
    }, this.#everyMs);
    this.#timer.unref();
  }
}
