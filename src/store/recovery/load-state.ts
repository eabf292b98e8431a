import type { StoredQueue } from '../../queue/paged-queue.ts';
import { segmentId } from '../database/segment-table.ts';
import type { Connection } from '../database/sqlite.ts';
import { fitting } from './fitting-rows.ts';

export interface StoredIncoming {
  readonly packetId: number;
  /** The digest of topic and payload; 0 where an older version has stored the identifier. */
  readonly digest: number;
}

export interface StoredSubscription {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  /** Bits for the options of MQTT 5; 0 for none. */
  readonly options: number;
  /** 0 for none. */
  readonly identifier: number;
}

export interface StoredSession {
  readonly key: number;
  readonly clientId: string;
  /**
   * When it was last connected, in milliseconds of the stored clock; 0 if it was connected when the gateway ended,
   * negative if it was connected at a crash then.
   */
  readonly seen: number;
  /** Seconds that it outlives its connection; `NEVER` for as long as the config says. */
  readonly expiry: number;
  /** The user to whom the session belongs; '' if no user has authenticated for it. */
  readonly owner: string;
  /** Entries up to this sequence number were sent at least once. */
  readonly sent: number;
  readonly subscriptions: readonly StoredSubscription[];
  /** QoS 2 messages that were published and not released. */
  readonly incoming: readonly StoredIncoming[];
  readonly queue: StoredQueue;
}

export interface StoredWill {
  readonly clientId: string;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Buffer;
}

/** A will of MQTT 5. */
export interface StoredDelayedWill extends StoredWill {
  /** With their length in front; empty for none. */
  readonly properties: Buffer;
  /** Seconds; -1 for none. */
  readonly expiry: number;
  /** Seconds. */
  readonly delay: number;
  /** When it is published, in milliseconds of the stored clock; 0 if its client was connected. */
  readonly due: number;
}

/** A value that a sensor keeps, as JSON. */
export interface StoredState {
  readonly owner: string;
  readonly key: string;
  readonly value: string;
}

/** What the gateway loads before it starts; queued messages stay on disk, retained ones are read while it runs. */
export interface Recovered {
  /** The number of the last start; undefined for a new data folder. */
  readonly lastBoot: number | undefined;
  /** Whether the first number of this folder may be too low, because the clock was not known to be right. */
  readonly bootIsProvisional: boolean;
  readonly sessions: readonly StoredSession[];
  /** Whether the last run ended by a stop, not by a crash. */
  readonly stoppedCleanly: boolean;
  /** Wills of clients that were connected when the gateway ended. */
  readonly wills: readonly StoredWill[];
  readonly delayedWills: readonly StoredDelayedWill[];
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

/** Reads what is stored, without rows that do not fit. */
export function recover(db: Connection): Recovered {
  return {
    lastBoot: number(db, metaOf('boot')) || undefined,
    bootIsProvisional: number(db, metaOf('bootIsProvisional')) === 1,
    stoppedCleanly: number(db, metaOf('stopped')) === 1,
    sessions: sessions(db),
    wills: db
      .prepare(
        `SELECT client_id AS clientId, topic, qos, retain, payload FROM will WHERE ${fitting('will')}`,
      )
      .all()
      .map((row) => willOf(row as StoredWill)),
    delayedWills: db
      .prepare(
        `SELECT client_id AS clientId, topic, qos, retain, payload, properties, expiry, delay, due
         FROM delayed_will WHERE ${fitting('delayed_will')}`,
      )
      .all()
      .map((row) => willOf(row as StoredDelayedWill)),
    states: db
      .prepare(`SELECT owner, key, value FROM state WHERE ${fitting('state')}`)
      .all() as StoredState[],
    nextSessionKey: number(db, `SELECT max(key) FROM session WHERE ${fitting('session')}`) + 1,
    nextMessageId: number(db, `SELECT max(id) FROM message WHERE ${fitting('message')}`) + 1,
  };
}

/** A row, in which `retain` is a number. */
function willOf<Stored extends StoredWill>(row: Stored): Stored {
  return { ...row, retain: (row.retain as unknown as number) === 1 };
}

function metaOf(key: string): string {
  return `SELECT value FROM meta WHERE key = '${key}' AND ${fitting('meta')}`;
}

function number(db: Connection, sql: string): number {
  return (db.prepare(sql).pluck().get() as number | null | undefined) ?? 0;
}

function sessions(db: Connection): StoredSession[] {
  const subscriptions = grouped<StoredSubscription & { session: number }>(
    db,
    `SELECT session, filter, qos, options, identifier FROM subscription WHERE ${fitting('subscription')}`,
  );
  const incoming = grouped<StoredIncoming & { session: number }>(
    db,
    `SELECT session, packet_id AS packetId, digest FROM incoming WHERE ${fitting('incoming')}`,
  );
  const queue = db.prepare<[bigint, bigint], StoredQueue>(
    `SELECT coalesce(min(first), 0) AS first, coalesce(max(first + span), 0) AS last,
       coalesce(sum(count), 0) AS count, coalesce(sum(bytes), 0) AS bytes,
       coalesce(min(at), 0) AS oldestAt
     FROM segment WHERE id >= ? AND id < ? AND ${fitting('segment')}`,
  );
  const rows = db
    .prepare(
      `SELECT key, client_id AS clientId, seen, sent, owner, expiry FROM session
       WHERE ${fitting('session')} ORDER BY key`,
    )
    .all() as Pick<StoredSession, 'key' | 'clientId' | 'seen' | 'sent' | 'owner' | 'expiry'>[];
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
