import type { KeyValueStore, StateStore } from '../base/state.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import type { Journal } from './commit/journal.ts';
import type { StoredState } from './recovery/load-state.ts';

/** Interval of the writes: a shorter one would wear the SD card, a longer one would lose more of a total in a power cut. */
const SAVE_MS = 5000;

/** Values that survive a restart: all changed values are committed together, every five seconds. */
export class DurableState implements StateStore {
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
        // A value that is not JSON counts as never set.
      }
    }
    this.#timer = setInterval(() => this.save(), SAVE_MS).unref();
  }

  of(owner: string): KeyValueStore {
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

  /** Sets a value that is in the next commit, together with the changes that are added in the same turn of the event loop. */
  setNow(owner: string, key: string, value: unknown): void {
    this.#valuesOf(owner).set(key, value);
    this.#changed.get(owner)?.delete(key);
    this.#journal.add(['setState', owner, key, JSON.stringify(value) ?? 'null']);
  }

  /** Sets a value; resolves when it, or a newer one, is on disk. */
  setDurably(owner: string, key: string, value: unknown): Promise<void> {
    this.#valuesOf(owner).set(key, value);
    this.#changed.get(owner)?.delete(key);
    return new Promise((resolve) => {
      const pendingAck = new PendingAck(resolve);
      const text = JSON.stringify(value) ?? 'null';
      this.#journal.add(['setState', owner, key, text], pendingAck);
      pendingAck.done();
    });
  }

  /** Adds the changed values to the journal. They wait until the values before are on disk; a newer value replaces an older one. */
  save(): void {
    if (this.#writing || this.#changed.size === 0) return;
    this.#writing = true;
    const pendingAck = new PendingAck(() => {
      this.#writing = false;
    });
    for (const [owner, keys] of this.#changed) {
      for (const key of keys) {
        const value = JSON.stringify(this.#valuesOf(owner).get(key)) ?? 'null';
        this.#journal.add(['setState', owner, key, value], pendingAck);
      }
    }
    this.#changed.clear();
    pendingAck.done();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#writing = false;
    this.save();
  }

  #valuesOf(owner: string): Map<string, unknown> {
    const values = this.#owners.get(owner) ?? new Map<string, unknown>();
    this.#owners.set(owner, values);
    return values;
  }
}
