/** A small memory of one owner that outlives a restart; values are JSON. What is set is kept within seconds, not at once. */
export interface KeyValueStore {
  /** What was set last, in this run or the one before; undefined when nothing was. Judge it: the file may be old. */
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}

/** The memories of all owners, e.g. of each sensor by its name. */
export interface StateStore {
  of(owner: string): KeyValueStore;
}

/** Memories that a restart forgets. */
export function createMemoryState(): StateStore {
  const owners = new Map<string, Map<string, unknown>>();
  return {
    of(owner) {
      const values = owners.get(owner) ?? new Map<string, unknown>();
      owners.set(owner, values);
      return {
        get: (key) => values.get(key),
        set: (key, value) => void values.set(key, value),
      };
    },
  };
}
