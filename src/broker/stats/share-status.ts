/** A group of a shared subscription, as far as the status needs it. */
interface CountedGroup {
  /** The whole filter, with the share name. */
  readonly filter: string;
  readonly size: number;
  /** Members whose client is connected. */
  readonly online: number;
  readonly sessions: Iterable<{ readonly clientId: string; readonly online: boolean }>;
}

/** A group as `$SYS/cellgate/shares` and the page show it. */
export interface ShareStatus {
  readonly filter: string;
  /** Members whose client is connected, and whose client is not. */
  readonly online: number;
  readonly away: number;
  /** The client ids of at most 20 members. */
  readonly members: readonly string[];
}

const LISTED_GROUPS = 100;
const LISTED_MEMBERS = 20;

/** First the groups without a connected member, then those with the most members. */
const byNeed = (a: CountedGroup, b: CountedGroup): number =>
  Math.min(a.online, 1) - Math.min(b.online, 1) ||
  b.size - a.size ||
  (a.filter < b.filter ? -1 : 1);

/** At most a hundred groups. Called every second, also with ten thousand: not all of them are sorted. */
export function shareStatuses(groups: Iterable<CountedGroup>): readonly ShareStatus[] {
  let listed: CountedGroup[] = [];
  for (const group of groups) {
    listed.push(group);
    if (listed.length === 8 * LISTED_GROUPS) listed = listed.sort(byNeed).slice(0, LISTED_GROUPS);
  }
  return listed.sort(byNeed).slice(0, LISTED_GROUPS).map(statusOf);
}

function statusOf({ filter, size, online, sessions }: CountedGroup): ShareStatus {
  const members: string[] = [];
  for (const { clientId } of sessions) {
    if (members.push(clientId) === LISTED_MEMBERS) break;
  }
  return { filter, online, away: size - online, members };
}
