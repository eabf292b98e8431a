/** Values of one owner that survive a restart, as JSON. A set value is on disk within seconds, not immediately. */
export interface KeyValueStore {
  /** The latest value, of this run or an earlier one; undefined if there is none. Check its form: it may be from an older version. */
  get(key: string): unknown;
  set(key: string, value: unknown): void;
}

/** The stores of all owners, for example of each sensor by its name. */
export interface StateStore {
  of(owner: string): KeyValueStore;
}

/** Stores in memory only, which a restart empties. */
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
