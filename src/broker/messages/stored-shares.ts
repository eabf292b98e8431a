import type { StoredSession } from '../../store/recovery/load-state.ts';

/** Begins the filters of shared subscriptions [MQTT 5, section 4.8.2]. */
export const SHARED = '$share/';

/**
 * The shared subscriptions of a stored session: an earlier version has granted them, and no message ever came of them.
 * They are removed at the start, because shared subscriptions are not supported.
 */
export function storedShares({ subscriptions }: StoredSession): readonly string[] {
  return subscriptions.flatMap(({ filter }) => (filter.startsWith(SHARED) ? [filter] : []));
}
