import type { StoredClock } from '../../store/stored-clock.ts';
import type { Connection } from '../clients/connection.ts';
import type { DataPlane } from '../messages/data-plane.ts';
import type { Session } from '../messages/session.ts';
import type { DropCounter } from './drop-counter.ts';

/** What the broker counts since its start. */
export interface BrokerCounts {
  readonly connected: number;
  readonly maximum: number;
  /** Sessions, connected or not. */
  readonly sessions: number;
  /** Persistent sessions whose client is not there. */
  readonly away: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly published: number;
  readonly packetsReceived: number;
  readonly dropped: number;
  readonly queued: number;
  /** Bytes of retained messages and of what waits. */
  readonly storedBytes: number;
  /** Sessions that ended because their client stayed away. */
  readonly expired: number;
}

/** As published on `$SYS/cellgate/drops`. */
export interface DropCounts {
  readonly total: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly sessions: readonly ({ readonly clientId: string } & Readonly<Record<string, unknown>>)[];
}

/** A client's session as `$SYS/cellgate/clients` and the page show it. */
export interface SessionStatus {
  readonly clientId: string;
  readonly user: string;
  readonly address: string | null;
  readonly online: boolean;
  readonly persistent: boolean;
  /** Milliseconds since the epoch: since when it is online, or away. */
  readonly since: number;
  readonly subscriptions: number;
  readonly queued: number;
  readonly bytes: number;
  readonly inflight: number;
  readonly dropped: number;
}

const SESSIONS_TOLD = 100;
const DROPS_TOLD = 100;

/** Sessions at most a hundred, those first for whom the most waits. */
export function sessionsOf(
  sessions: Iterable<Session>,
  connections: Iterable<Connection>,
  ages: StoredClock,
): readonly SessionStatus[] {
  const told = busiest(sessions);
  const addresses = new Map<Session, string>();
  for (const { session, remoteAddress } of connections) {
    if (session) addresses.set(session, remoteAddress);
  }
  return told.map((session) => ({
    clientId: session.clientId,
    user: session.owner,
    address: addresses.get(session) ?? null,
    online: session.online,
    persistent: session.persistent,
    since: ages.wallAt(session.online ? session.onlineSince : session.awaySince),
    subscriptions: session.subscriptions.size,
    queued: session.queue.count,
    bytes: session.queue.bytes,
    inflight: session.inflight,
    dropped: [...session.drops.values()].reduce((sum, count) => sum + count, 0),
  }));
}

const byWaiting = (a: Session, b: Session): number =>
  b.queue.count - a.queue.count || (a.clientId < b.clientId ? -1 : 1);

/** Asked every second, of a hundred thousand sessions too: they are not all sorted for it. */
function busiest(sessions: Iterable<Session>): Session[] {
  let told: Session[] = [];
  for (const session of sessions) {
    told.push(session);
    if (told.length < 8 * SESSIONS_TOLD) continue;
    told = told.sort(byWaiting).slice(0, SESSIONS_TOLD);
  }
  return told.sort(byWaiting).slice(0, SESSIONS_TOLD);
}

/** What was dropped since the start, by reason, and by session for a hundred of them at most. */
export function dropsOf(sessions: ReadonlyMap<string, Session>, drops: DropCounter): DropCounts {
  const lossy = [...sessions.values()]
    .filter((session) => session.drops.size > 0)
    .map(({ clientId, drops: own }) => ({ clientId, ...Object.fromEntries(own) }))
    .slice(0, DROPS_TOLD);
  return { total: drops.total, reasons: Object.fromEntries(drops.byReason), sessions: lossy };
}

/** What sessions, retained messages and drops add up to. */
export function sumsOf(
  { sessions, router, retained, published }: DataPlane,
  { total }: DropCounter,
) {
  let [queued, away, storedBytes] = [0, 0, retained.bytes];
  for (const session of sessions.values()) {
    queued += session.queue.count;
    storedBytes += session.queue.bytes;
    if (!session.online) away++;
  }
  return {
    sessions: sessions.size,
    away,
    subscriptions: router.count,
    retained: retained.count,
    published,
    dropped: total,
    queued,
    storedBytes,
  };
}
