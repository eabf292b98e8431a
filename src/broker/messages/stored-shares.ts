import { isShared } from '../../mqtt/shared-filter.ts';
import type { StoredSession } from '../../store/recovery/load-state.ts';

/**
 * The shared subscriptions of a stored session: an earlier version has granted them, and no message ever came of them.
 * They are removed at the start, because shared subscriptions are not supported.
 */
export function storedShares({ subscriptions }: StoredSession): readonly string[] {
  return subscriptions.flatMap(({ filter }) => (isShared(filter) ? [filter] : []));
}
