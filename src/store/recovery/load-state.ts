import type { StoredQueue } from '../../queue/paged-queue.ts';
import { segmentId } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';

export interface StoredIncoming {
  readonly packetId: number;
  /** The digest of topic and payload; 0 where an older version has stored the identifier. */
  readonly digest: number;
}

export interface StoredSession {
  readonly key: number;
  readonly clientId: string;
  /** When it was last connected, in milliseconds since the epoch; 0 if it was connected when the gateway ended. */
  readonly seen: number;
  /** The user to whom the session belongs; '' if no user has authenticated for it. */
  readonly owner: string;
  /** Entries up to this sequence number were sent at least once. */
  readonly sent: number;
  readonly subscriptions: readonly { readonly filter: string; readonly qos: 0 | 1 | 2 }[];
  /** QoS 2 messages that were published and not released. */
  readonly incoming: readonly StoredIncoming[];
  readonly queue: StoredQueue;
}

export interface StoredRetained {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly payload: Buffer;
  /** The client that has published it; '' for the gateway itself, and where an older version has stored it. */
  readonly publisher: string;
}

export interface StoredWill {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Buffer;
}

/** A value that a sensor keeps, as JSON. */
export interface StoredState {
  readonly owner: string;
  readonly key: string;
  readonly value: string;
}

/** Everything that the gateway loads when it starts; queued messages stay on disk. */
export interface Recovered {
  /** The number of the last start; undefined for a new data folder. */
  readonly lastBoot: number | undefined;
  /** Whether the first number of this folder may be too low, because the clock was not known to be right. */
  readonly bootIsProvisional: boolean;
  readonly sessions: readonly StoredSession[];
  readonly retained: readonly StoredRetained[];
  /** Whether the last run ended by a stop, not by a crash. */
  readonly stoppedCleanly: boolean;
  /** Wills of clients that were connected when the gateway ended. */
  readonly wills: readonly StoredWill[];
  readonly states: readonly StoredState[];
  readonly nextSessionKey: number;
  readonly nextMessageId: number;
}

/** Stores values about the whole database, in one transaction. */
export function setMeta(db: Connection, values: Readonly<Record<string, number>>): void {
  const set = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  db.transaction(() => {
    for (const [key, value] of Object.entries(values)) set.run(key, value);
  })();
}

/** Reads what is stored. */
export function recover(db: Connection): Recovered {
  return {
    lastBoot: number(db, `SELECT value FROM meta WHERE key = 'boot'`) || undefined,
    bootIsProvisional: number(db, `SELECT value FROM meta WHERE key = 'bootIsProvisional'`) === 1,
    stoppedCleanly: number(db, `SELECT value FROM meta WHERE key = 'stopped'`) === 1,
    sessions: sessions(db),
    retained: db
      .prepare('SELECT topic, qos, payload, publisher FROM retained')
      .all() as unknown as StoredRetained[],
    wills: db
      .prepare('SELECT client_id AS clientId, topic, qos, retain, payload FROM will')
      .all()
      .map((row) => ({ ...(row as StoredWill), retain: (row as { retain: number }).retain === 1 })),
    states: db.prepare('SELECT owner, key, value FROM state').all() as StoredState[],
    nextSessionKey: number(db, 'SELECT max(key) FROM session') + 1,
    nextMessageId: number(db, 'SELECT max(id) FROM message') + 1,
  };
}

function number(db: Connection, sql: string): number {
  return (db.prepare(sql).pluck().get() as number | null | undefined) ?? 0;
}

function sessions(db: Connection): StoredSession[] {
  const subscriptions = grouped<{ session: number; filter: string; qos: 0 | 1 | 2 }>(
    db,
    'SELECT session, filter, qos FROM subscription',
  );
  const incoming = grouped<StoredIncoming & { session: number }>(
    db,
    'SELECT session, packet_id AS packetId, digest FROM incoming',
  );
  const queue = db.prepare<[bigint, bigint], StoredQueue>(
    `SELECT coalesce(min(first), 0) AS first, coalesce(max(first + span), 0) AS last,
       coalesce(sum(count), 0) AS count, coalesce(sum(bytes), 0) AS bytes,
       coalesce(min(at), 0) AS oldestAt
     FROM segment WHERE id >= ? AND id < ?`,
  );
  const rows = db
    .prepare('SELECT key, client_id AS clientId, seen, sent, owner FROM session ORDER BY key')
    .all() as Pick<StoredSession, 'key' | 'clientId' | 'seen' | 'sent' | 'owner'>[];
  return rows.map((row) => ({
    ...row,
    subscriptions: subscriptions.get(row.key) ?? [],
    incoming: (incoming.get(row.key) ?? []).map(({ packetId, digest }) => ({ packetId, digest })),
    queue: queue.get(segmentId(row.key, 0), segmentId(row.key + 1, 0))!,
  }));
}

function grouped<Row extends { session: number }>(db: Connection, sql: string): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of db.prepare(sql).iterate() as IterableIterator<Row>) {
    const group = groups.get(row.session);
    if (group) group.push(row);
    else groups.set(row.session, [row]);
  }
  return groups;
}
