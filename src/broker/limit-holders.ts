import type { BrokerLimits } from './broker-limits.ts';
import type { Connections } from './clients/connections.ts';
import { mostSessions } from './messages/absent-sessions.ts';
import type { DataPlane } from './messages/data-plane.ts';
import type { RetainedMessages } from './messages/retained.ts';
import type { Session } from './messages/session.ts';
import { countShares } from './messages/session-shares.ts';
import {
  describeNearlyAll,
  type LimitKey,
  type LimitTroubles,
  type Most,
  mostOf,
} from './stats/limit-troubles.ts';

/** The client, the user or the address that has the most of what the limit bounds. */
export function holderOf(
  key: LimitKey,
  { sessions, retained }: DataPlane,
  connections: Connections,
): Most | undefined {
  const ofSession = (has: (session: Session) => number): Most | undefined =>
    mostOf(sessions.byClientId.values(), ({ clientId }) => clientId, has);
  switch (key) {
    case 'connections':
    case 'connectionsPerAddress':
    case 'connecting':
      return connections.most;
    case 'sessions':
      return mostOfSessions(sessions.byClientId.values());
    case 'subscriptions':
    case 'subscriptionsPerClient':
      return ofSession(({ subscriptions }) => subscriptions.size);
    case 'subscriptionBytes':
    case 'subscriptionBytesPerClient':
      return ofSession(({ subscriptions }) => subscriptions.bytes);
    case 'unreleased':
      return ofSession(({ incoming }) => incoming.size);
    case 'absentQueueBytes':
      return ofSession(({ online, queue }) => (online ? 0 : queue.bytes));
    case 'queueMemory':
      return ofSession(({ persistent, queue }) => (persistent ? 0 : queue.bytes));
    case 'unreadMemory':
      return ofSession(({ unread }) => unread);
    case 'unfinishedMemory':
      return connections.mostUnfinished;
    case 'retainedMessages':
    case 'retainedMessagesPerClient':
      return ofPublisher(retained, 'count');
    case 'retainedBytes':
    case 'retainedBytesPerClient':
      return ofPublisher(retained, 'bytes');
  }
}

function ofPublisher({ byPublisher }: RetainedMessages, of: 'count' | 'bytes'): Most | undefined {
  return mostOf(
    byPublisher,
    ([clientId]) => clientId,
    ([, share]) => share[of],
  );
}

function mostOfSessions(sessions: Iterable<Session>): Most | undefined {
  return mostOf(
    countShares(sessions),
    ([share]) => share,
    ([, count]) => count,
  );
}

/** A sentence for each limit that clients have reached a moment ago, and for sessions that come near theirs. */
export function limitSentences(
  reached: LimitTroubles,
  limits: BrokerLimits,
  plane: DataPlane,
  connections: Connections,
): string[] {
  const holder = (key: LimitKey): Most | undefined => holderOf(key, plane, connections);
  const sentences = reached.troubles((key) => limits[key], holder);
  if (reached.isReached('sessions')) return sentences;
  const { size } = plane.sessions.byClientId;
  const near = describeNearlyAll(size, mostSessions(limits), () => holder('sessions'));
  return near === undefined ? sentences : [...sentences, near];
}
