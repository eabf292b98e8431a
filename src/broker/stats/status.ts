import { VERSION_NAMES, type Version } from '../../mqtt/connect.ts';
import type { StoredClock } from '../../store/stored-clock.ts';
import type { DropCounter } from './drop-counter.ts';

/** The properties of a client's session that the status needs. */
export interface CountedSession {
  readonly clientId: string;
  /** The user; '' if none has logged in. */
  readonly owner: string;
  readonly online: boolean;
  readonly persistent: boolean;
  /** How long it outlives its connection; infinite for as long as the config says. */
  readonly expiryMs: number;
  /** Milliseconds on the stored clock: when the client connected, and when it was last connected. */
  readonly onlineSince: number;
  readonly awaySince: number;
  readonly subscriptions: { readonly size: number };
  readonly queue: { readonly count: number; readonly bytes: number };
  readonly inflight: number;
  readonly flow: { readonly slow: boolean };
  readonly drops: ReadonlyMap<string, number>;
}

/** The properties of a connection that the status needs. */
export interface CountedConnection<Session> {
  readonly session: Session | undefined;
  readonly version: Version | undefined;
  readonly protocol5: { readonly aliasCounts: AliasCounts } | undefined;
  readonly remoteAddress: string;
  /** How often and for how many milliseconds it waited as a publisher, and whether it waits. */
  readonly held: { readonly count: number; readonly ms: number; readonly isWaiting: boolean };
}

/** The properties of the data plane that the status needs. */
interface CountedMessages {
  readonly sessions: { readonly byClientId: ReadonlyMap<string, CountedSession> };
  readonly router: { readonly count: number };
  readonly retained: { readonly count: number; readonly bytes: number };
  readonly published: number;
  readonly flow: {
    readonly waiting: number;
    readonly slowReaders: number;
    readonly totals: {
      readonly holds: number;
      readonly heldMs: number;
      readonly slowReaders: number;
    };
  };
}

/** Topic aliases of MQTT 5 in use, by who sends them. */
export interface AliasCounts {
  readonly fromClient: number;
  readonly toClient: number;
}

/** A version of MQTT as users know it. */
export type VersionName = (typeof VERSION_NAMES)[Version];

/** The counters of the broker since its start. */
export interface BrokerCounts {
  readonly connected: number;
  /** Connected clients by their version of MQTT. */
  readonly versions: Readonly<Record<VersionName, number>>;
  readonly maximum: number;
  /** Sessions, connected or not. */
  readonly sessions: number;
  /** Persistent sessions whose client is not connected. */
  readonly away: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly published: number;
  readonly packetsReceived: number;
  readonly dropped: number;
  readonly queued: number;
  /** Bytes of retained messages and of all queues. */
  readonly storedBytes: number;
  /** Sessions that ended because their client was disconnected for too long. */
  readonly expired: number;
  readonly flow: FlowCounts;
  /** Groups of shared subscriptions, and their members. */
  readonly shares: { readonly groups: number; readonly members: number };
  /** Of all connections. */
  readonly aliases: AliasCounts;
}

/** What `messageCounts` knows of them. */
type MessageCounts = Omit<
  BrokerCounts,
  'connected' | 'versions' | 'maximum' | 'packetsReceived' | 'expired' | 'shares' | 'aliases'
>;

/** Publishers that wait for subscribers with long queues. */
export interface FlowCounts {
  /** Publishers that wait at this moment. */
  readonly publishersHeld: number;
  /** Connected subscribers that read too slowly to hold up their publishers. */
  readonly slowReaders: number;
  /** Since the start: how often publishers began to wait, their milliseconds, and how often a subscriber became slow. */
  readonly holds: number;
  readonly heldMs: number;
  readonly slowReadersTotal: number;
}

/** The drops, as published on `$SYS/cellgate/drops`. */
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
  /** Its version of MQTT; null while it is offline. */
  readonly version: VersionName | null;
  readonly persistent: boolean;
  /** Seconds that its session outlives its connection; null for as long as `sessionExpiry` of the config. */
  readonly sessionExpiry: number | null;
  /** Since when it is online or offline, in milliseconds since the epoch. */
  readonly since: number;
  readonly subscriptions: number;
  /** How many of these are shared. */
  readonly shares: number;
  readonly aliases: AliasCounts;
  readonly queued: number;
  readonly bytes: number;
  readonly inflight: number;
  readonly dropped: number;
  /** It reads too slowly to hold up its publishers. */
  readonly slow: boolean;
  /** Its publishing waits for a subscriber; how often it has waited on this connection, and for how many milliseconds. */
  readonly held: { readonly isWaiting: boolean; readonly count: number; readonly ms: number };
}

const NEVER_HELD = { isWaiting: false, count: 0, ms: 0 };
const NO_ALIASES: AliasCounts = { fromClient: 0, toClient: 0 };
const LISTED_SESSIONS = 100;
const LISTED_DROPS = 100;

/** At most a hundred sessions: those with the longest queues. */
export function sessionStatuses<Session extends CountedSession>(
  sessions: Iterable<Session>,
  connections: Iterable<CountedConnection<Session>>,
  storedClock: Pick<StoredClock, 'wallAt'>,
  sharesOf: (session: Session) => number,
): readonly SessionStatus[] {
  const listed = longestQueues(sessions);
  const connected = new Map<Session, CountedConnection<Session>>();
  for (const connection of connections) {
    if (connection.session) connected.set(connection.session, connection);
  }
  return listed.map((session) =>
    statusOf(session, connected.get(session), storedClock, sharesOf(session)),
  );
}

/** A session as users see it; `connection` is undefined while its client is not connected. */
export function statusOf(
  session: CountedSession,
  connection: CountedConnection<unknown> | undefined,
  storedClock: Pick<StoredClock, 'wallAt'>,
  shares: number,
): SessionStatus {
  return {
    clientId: session.clientId,
    user: session.owner,
    address: connection?.remoteAddress ?? null,
    online: session.online,
    version: nameOf(connection?.version),
    persistent: session.persistent,
    sessionExpiry: Number.isFinite(session.expiryMs) ? session.expiryMs / 1000 : null,
    since: storedClock.wallAt(session.online ? session.onlineSince : session.awaySince),
    subscriptions: session.subscriptions.size,
    shares,
    aliases: connection?.protocol5?.aliasCounts ?? NO_ALIASES,
    queued: session.queue.count,
    bytes: session.queue.bytes,
    inflight: session.inflight,
    dropped: [...session.drops.values()].reduce((sum, count) => sum + count, 0),
    slow: session.flow.slow,
    held: { ...(connection?.held ?? NEVER_HELD) },
  };
}

/** The version as users know it; null without a connection. */
export function nameOf(version: Version | undefined): VersionName | null {
  return version === undefined ? null : VERSION_NAMES[version];
}

/** Connected clients by their version of MQTT. */
export function versionCounts(
  connections: Iterable<Pick<CountedConnection<unknown>, 'session' | 'version'>>,
): BrokerCounts['versions'] {
  const counts = { '3.1': 0, '3.1.1': 0, '5': 0 };
  for (const { session, version } of connections) {
    if (session && version) counts[VERSION_NAMES[version]]++;
  }
  return counts;
}

/** The topic aliases in use on all connections. */
export function aliasCounts(
  connections: Iterable<Pick<CountedConnection<unknown>, 'protocol5'>>,
): AliasCounts {
  const sum = { fromClient: 0, toClient: 0 };
  for (const { protocol5 } of connections) {
    if (!protocol5) continue;
    const { fromClient, toClient } = protocol5.aliasCounts;
    sum.fromClient += fromClient;
    sum.toClient += toClient;
  }
  return sum;
}

const byQueueLength = (a: CountedSession, b: CountedSession): number =>
  b.queue.count - a.queue.count || (a.clientId < b.clientId ? -1 : 1);

/** Called every second, also with a hundred thousand sessions: not all of them are sorted. */
function longestQueues<Session extends CountedSession>(sessions: Iterable<Session>): Session[] {
  let longest: Session[] = [];
  for (const session of sessions) {
    longest.push(session);
    if (longest.length < 8 * LISTED_SESSIONS) continue;
    longest = longest.sort(byQueueLength).slice(0, LISTED_SESSIONS);
  }
  return longest.sort(byQueueLength).slice(0, LISTED_SESSIONS);
}

/** Messages dropped since the start, by reason, and by session for at most a hundred sessions. */
export function dropCounts(
  sessions: ReadonlyMap<string, CountedSession>,
  dropCounter: DropCounter,
): DropCounts {
  const lossy = [...sessions.values()]
    .filter(({ drops }) => drops.size > 0)
    .map(({ clientId, drops }) => ({ clientId, ...Object.fromEntries(drops) }))
    .slice(0, LISTED_DROPS);
  const { total, byReason } = dropCounter;
  return { total, reasons: Object.fromEntries(byReason), sessions: lossy };
}

/** The sums over sessions, retained messages and drops. */
export function messageCounts(
  { sessions, router, retained, published, flow }: CountedMessages,
  { total }: DropCounter,
): MessageCounts {
  let [queued, away, storedBytes] = [0, 0, retained.bytes];
  for (const session of sessions.byClientId.values()) {
    queued += session.queue.count;
    storedBytes += session.queue.bytes;
    if (!session.online) away++;
  }
  return {
    sessions: sessions.byClientId.size,
    away,
    subscriptions: router.count,
    retained: retained.count,
    published,
    dropped: total,
    queued,
    storedBytes,
    flow: {
      publishersHeld: flow.waiting,
      slowReaders: flow.slowReaders,
      holds: flow.totals.holds,
      heldMs: flow.totals.heldMs,
      slowReadersTotal: flow.totals.slowReaders,
    },
  };
}
