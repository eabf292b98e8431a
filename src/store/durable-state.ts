import type { State, StateKeeper } from '../state.ts';
import type { Journal } from './journal.ts';
import { Receipt } from './receipt.ts';
import type { StoredState } from './recovery.ts';

/** What is set is on disk at most this late: a total that a power cut sets back by so much is no harm to the card. */
const KEPT_MS = 5000;

/** Memories that outlive a restart: all that changed since the last time is committed together. */
export class DurableState implements StateKeeper {
  readonly #journal: Journal;
  readonly #owners = new Map<string, Map<string, unknown>>();
  readonly #changed = new Map<string, Set<string>>();
  #writing = false;
  readonly #timer: NodeJS.Timeout;

  constructor(journal: Journal, stored: readonly StoredState[]) {
    this.#journal = journal;
    for (const { owner, key, value } of stored) {
      try {
        this.#valuesOf(owner).set(key, JSON.parse(value));
      } catch {
        // What makes no sense is as good as never set.
      }
    }
    this.#timer = setInterval(() => this.keep(), KEPT_MS).unref();
  }

  of(owner: string): State {
    const values = this.#valuesOf(owner);
    return {
      get: (key) => values.get(key),
      set: (key, value) => {
        values.set(key, value);
        const changed = this.#changed.get(owner);
        if (changed) changed.add(key);
        else this.#changed.set(owner, new Set([key]));
      },
    };
  }

  /** Hands what has changed to the journal; while it has not taken the last, changes wait and the newer replaces the older. */
  keep(): void {
    if (this.#writing || this.#changed.size === 0) return;
    this.#writing = true;
    const receipt = new Receipt(() => {
      this.#writing = false;
    });
    for (const [owner, keys] of this.#changed) {
      for (const key of keys) {
        const value = JSON.stringify(this.#valuesOf(owner).get(key)) ?? 'null';
        this.#journal.add(['setState', owner, key, value], receipt);
      }
    }
    this.#changed.clear();
    receipt.pay();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#writing = false;
    this.keep();
  }

  #valuesOf(owner: string): Map<string, unknown> {
    const values = this.#owners.get(owner) ?? new Map<string, unknown>();
    this.#owners.set(owner, values);
    return values;
  }
}
