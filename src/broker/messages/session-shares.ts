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

/** Without subscriptions first, then those that were absent for longest. */
function comesBefore(one: Session, other: Session): boolean {
  const [isEmpty, isOtherEmpty] = [one, other].map(({ subscriptions }) => subscriptions.size === 0);
  return isEmpty === isOtherEmpty ? one.awaySince < other.awaySince : isEmpty!;
}

/** Puts the session in its place among the first `most` of the list. */
function insert(list: Session[], session: Session, most: number): void {
  if (list.length === most && !comesBefore(session, list.at(-1)!)) return;
  let at = list.length;
  while (at > 0 && comesBefore(session, list[at - 1]!)) at--;
  list.splice(at, 0, session);
  if (list.length > most) list.pop();
}

/**
 * The absent sessions, at most `count`, in the order in which they make room: each is of the share that has the most
 * sessions when those before it have ended; of these one without subscriptions, else the one that was absent for longest.
 */
export function sessionsToEnd(sessions: Iterable<Session>, count: number): Session[] {
  const counts = new Map<string, number>();
  const absent = new Map<string, Session[]>();
  for (const session of sessions) {
    const share = shareOf(session);
    counts.set(share, (counts.get(share) ?? 0) + 1);
    if (session.online || session.opening) continue;
    const list = absent.get(share) ?? [];
    insert(list, session, count);
    absent.set(share, list);
  }
  const chosen: Session[] = [];
  while (chosen.length < count && absent.size > 0) {
    let most: string | undefined;
    for (const share of absent.keys()) {
      if (most === undefined || counts.get(share)! > counts.get(most)!) most = share;
    }
    const list = absent.get(most!)!;
    chosen.push(list.shift()!);
    counts.set(most!, counts.get(most!)! - 1);
    if (list.length === 0) absent.delete(most!);
  }
  return chosen;
}
