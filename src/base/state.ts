/** Values of one owner that survive a restart, as JSON. A value that is set is on disk within seconds, not at once. */
export interface KeyValueStore {
  /** What was set last, in this run or the one before; undefined when nothing was. Check its form: the file may be old. */
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}

/** The stores of all owners, for example of each sensor by its name. */
export interface StateStore {
  of(owner: string): KeyValueStore;
}

/** Stores that a restart empties. */
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
