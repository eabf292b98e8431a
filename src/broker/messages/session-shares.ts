import type { Session } from './session.ts';

type Sharing = Pick<Session, 'owner' | 'address'>;

const WITHOUT_USER = 'clients without a user';

/**
 * Of whose share a session is a part: of its user, without one of the address from which its client was last connected,
 * or of the network of that. After a restart the addresses are not known until the clients connect.
 */
export function shareOf({ owner, address }: Sharing): string {
  return owner || address || WITHOUT_USER;
}

/** How many sessions each has. */
export function countShares(sessions: Iterable<Sharing>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const session of sessions) {
    const share = shareOf(session);
    counts.set(share, (counts.get(share) ?? 0) + 1);
  }
  return counts;
}
