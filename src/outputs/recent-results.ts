/** The result of a command, as it is published. */
export interface Result {
  readonly id?: string;
  readonly ok: boolean;
  readonly reason?: string;
}

const KEPT = 64;

/** The results of the latest commands that had an id: a command that QoS 1 delivers twice is carried out once. */
export interface RecentResults {
  find(id: string | undefined): Result | undefined;
  keep(result: Result): void;
}

/** No results yet; beyond 64 the oldest is forgotten. */
export function createRecentResults(): RecentResults {
  const results = new Map<string, Result>();
  return {
    find: (id) => (id === undefined ? undefined : results.get(id)),
    keep(result) {
      if (result.id === undefined) return;
      results.set(result.id, result);
      const [oldest] = results.keys();
      if (results.size > KEPT && oldest !== undefined) results.delete(oldest);
    },
  };
}
