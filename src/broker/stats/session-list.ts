import { setImmediate } from 'node:timers/promises';
import type { StoredClock } from '../../store/stored-clock.ts';
import {
  type CountedConnection,
  type CountedSession,
  nameOf,
  type SessionStatus,
  statusOf,
} from './status.ts';

/** The columns by which sessions can be sorted. */
export const SESSION_SORTS = [
  'clientId',
  'version',
  'user',
  'address',
  'queued',
  'held',
  'dropped',
  'seen',
  'subscriptions',
] as const;
export type SessionSort = (typeof SESSION_SORTS)[number];

/** Which sessions are listed, and in which order. */
export interface SessionQuery {
  /** Words that all are in the client id, the user, the address or the version, such as `MQTT 5`; upper and lower case are the same. */
  readonly text: string;
  /** Undefined for both. */
  readonly online: boolean | undefined;
  readonly sort: SessionSort;
  readonly descending: boolean;
  readonly limit: number;
}

export interface SessionList {
  /** All sessions of the broker. */
  readonly total: number;
  /** Those that the query matches. */
  readonly found: number;
  /** The first of these, as many as the limit allows. */
  readonly sessions: readonly SessionStatus[];
}

/** A session that the query matches, with what it is sorted by. */
interface Match<Session> {
  readonly session: Session;
  readonly key: string | number;
}

/** Sessions that are compared in one turn of the event loop: there may be a hundred thousand. */
const PER_TURN = 2000;

/** Resolves with the sessions that the query asks for; other work is done in between. */
export async function listSessions<Session extends CountedSession>(
  sessions: ReadonlyMap<string, Session>,
  connections: Iterable<CountedConnection<Session>>,
  storedClock: Pick<StoredClock, 'wallAt'>,
  sharesOf: (session: Session) => number,
  query: SessionQuery,
): Promise<SessionList> {
  const connected = new Map<Session, CountedConnection<Session>>();
  for (const connection of connections) {
    if (connection.session) connected.set(connection.session, connection);
  }
  const words = query.text.toLowerCase().split(/\s+/);
  const compare = comparison<Session>(query.descending);
  let matches: Match<Session>[] = [];
  let [found, checked] = [0, 0];
  for (const session of sessions.values()) {
    checked += 1;
    if (checked % PER_TURN === 0) await setImmediate();
    const connection = connected.get(session);
    if (query.online !== undefined && session.online !== query.online) continue;
    if (!isMatch(session, connection, words)) continue;
    found += 1;
    matches.push({ session, key: keyOf(query.sort, session, connection) });
    if (matches.length >= 8 * query.limit) matches = matches.sort(compare).slice(0, query.limit);
  }
  const first = matches.sort(compare).slice(0, query.limit);
  return {
    total: sessions.size,
    found,
    sessions: first.map(({ session }) =>
      statusOf(session, connected.get(session), storedClock, sharesOf(session)),
    ),
  };
}

function isMatch(
  { clientId, owner }: CountedSession,
  connection: CountedConnection<unknown> | undefined,
  words: readonly string[],
): boolean {
  const version = nameOf(connection?.version);
  const known = [
    clientId,
    owner,
    connection?.remoteAddress ?? '',
    version ? `MQTT ${version}` : '',
  ];
  const text = known.join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

function keyOf(
  sort: SessionSort,
  session: CountedSession,
  connection: CountedConnection<unknown> | undefined,
): string | number {
  switch (sort) {
    case 'clientId':
      return session.clientId;
    case 'version':
      return nameOf(connection?.version) ?? '';
    case 'user':
      return session.owner;
    case 'address':
      return connection?.remoteAddress ?? '';
    case 'queued':
      return session.queue.count;
    case 'held':
      return connection?.held.ms ?? 0;
    case 'dropped':
      return [...session.drops.values()].reduce((sum, count) => sum + count, 0);
    case 'seen':
      // A client that is connected is seen at this moment: those come last, the newest connection at the end.
      return session.online ? 1e15 + session.onlineSince : session.awaySince;
    case 'subscriptions':
      return session.subscriptions.size;
  }
}

/** By their keys, and by client id where these are the same. */
function comparison<Session extends CountedSession>(descending: boolean) {
  const sign = descending ? -1 : 1;
  return (a: Match<Session>, b: Match<Session>): number => {
    if (a.key !== b.key) return a.key < b.key ? -sign : sign;
    return a.session.clientId < b.session.clientId ? -1 : 1;
  };
}
