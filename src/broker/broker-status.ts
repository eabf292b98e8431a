import type { Connections } from './clients/connections.ts';
import type { DataPlane } from './messages/data-plane.ts';
import type { Session } from './messages/session.ts';
import type { DropCounter } from './stats/drop-counter.ts';
import { listSessions, type SessionList, type SessionQuery } from './stats/session-list.ts';
import {
  aliasCounts,
  type BrokerCounts,
  messageCounts,
  type SessionStatus,
  sessionStatuses,
  versionCounts,
} from './stats/status.ts';

/** The counters of the whole broker; `expired` are sessions that have ended while their clients stayed away. */
export function brokerCounts(
  plane: DataPlane,
  connections: Connections,
  drops: DropCounter,
  expired: number,
): BrokerCounts {
  const { connected, maximum, packetsReceived } = connections.counts;
  const { members, count: groups } = plane.sessions.shares;
  return {
    ...{ connected, versions: versionCounts(connections), maximum },
    ...{ ...messageCounts(plane, drops), packetsReceived, expired },
    shares: { groups, members: members.count },
    aliases: aliasCounts(connections),
  };
}

/** The sessions as users see them, at most a hundred. */
export function brokerSessions(
  { sessions }: DataPlane,
  connections: Connections,
  storedClock: Parameters<typeof sessionStatuses>[2],
): readonly SessionStatus[] {
  const { byClientId, shares } = sessions;
  return sessionStatuses(byClientId.values(), connections, storedClock, (session) =>
    shares.countOf(session),
  );
}

/** The sessions that a query asks for. */
export function brokerSessionList(
  { sessions }: DataPlane,
  connections: Connections,
  storedClock: Parameters<typeof sessionStatuses>[2],
  query: SessionQuery,
): Promise<SessionList> {
  const { byClientId, shares } = sessions;
  const sharesOf = (session: Session): number => shares.countOf(session);
  return listSessions(byClientId, connections, storedClock, sharesOf, query);
}
