import { existsSync } from 'node:fs';
import { storedMessage } from '../../queue/message.ts';
import { hasProperties } from '../../queue/queue-entry.ts';
import { databaseFile, lockFolder } from '../database/data-folder.ts';
import { openConnection } from '../database/database.ts';
import { isCurrent, migrate } from '../database/migrations.ts';
import { SegmentEdits } from '../database/segment-edits.ts';
import { SegmentTable } from '../database/segment-table.ts';
import { type Connection, openReadOnly } from '../database/sqlite.ts';
import { asMark, MARK_KEY, MARK_OWNER } from '../stored-clock.ts';

/** The messages waiting for one client or one plant, or permanently refused by one plant. */
export interface QueueSummary {
  /** A client id, `uplink/<name>` or `refused/<name>`. */
  readonly session: string;
  readonly messages: number;
  readonly bytes: number;
  /** Milliseconds since the epoch; null for an empty queue. */
  readonly oldest: number | null;
}

/** A queued message as `queue export` writes it. */
export interface QueuedMessage {
  readonly session: string;
  readonly at: string;
  readonly topic: string;
  readonly payload: string;
  /** `utf8`, or `base64` for a payload that is not text. */
  readonly encoding: 'utf8' | 'base64';
  readonly qos?: number;
  readonly retain?: boolean;
  readonly reason?: string;
}

interface SessionRow {
  readonly key: number;
  readonly clientId: string;
}

/** The sessions of each queue by its displayed name: all priorities of an uplink are one queue. */
function queuesOf(db: Connection): Map<string, number[]> {
  const rows = db.prepare('SELECT key, client_id AS clientId FROM session').all() as SessionRow[];
  const queues = new Map<string, number[]>();
  for (const { key, clientId } of rows) {
    const own = /^\0(uplink\/[^/]+)\//.exec(clientId)?.[1];
    const name = own ?? clientId;
    queues.set(name, [...(queues.get(name) ?? []), key]);
  }
  return queues;
}

/** Milliseconds by which the wall clock is ahead of the stored clock. */
function aheadOf(db: Connection): number {
  const row = db
    .prepare('SELECT value FROM state WHERE owner = ? AND key = ?')
    .get(MARK_OWNER, MARK_KEY) as { value: string } | undefined;
  const mark = row && asMark(JSON.parse(row.value));
  return mark ? mark.wall - mark.now : 0;
}

/** Opens the database for reading; undefined if there is none. Throws for a database of an older version. */
function open(folder: string): Connection | undefined {
  const file = databaseFile(folder);
  if (!existsSync(file)) return undefined;
  const db = openReadOnly(file);
  if (isCurrent(db)) return db;
  db.close();
  throw new Error(
    `${file} is of an older cellgate: start the gateway once, which brings it up to date`,
  );
}

/** Every queue on disk, whether the gateway runs or not; empty if there is no database. */
export function listQueues(folder: string): QueueSummary[] {
  const db = open(folder);
  if (!db) return [];
  try {
    const counted = db.prepare(
      `SELECT coalesce(sum(count), 0) AS messages, coalesce(sum(bytes), 0) AS bytes, min(at) AS oldest
       FROM segment WHERE session IN (SELECT value FROM json_each(?))`,
    );
    const queues = [...queuesOf(db)].map(([session, keys]) => ({
      session,
      ...(counted.get(JSON.stringify(keys)) as Omit<QueueSummary, 'session'>),
    }));
    const refused = db
      .prepare(
        `SELECT 'refused/' || uplink AS session, count(*) AS messages,
           sum(length(body)) AS bytes, min(at) AS oldest FROM dead_letter GROUP BY uplink`,
      )
      .all() as QueueSummary[];
    const ahead = aheadOf(db);
    return [...queues, ...refused]
      .map((one) => ({ ...one, oldest: one.oldest === null ? null : one.oldest + ahead }))
      .sort((a, b) => a.session.localeCompare(b.session, 'en'));
  } finally {
    db.close();
  }
}

interface Row {
  readonly at: number;
  readonly flags: number;
  readonly reason: string | null;
  readonly body: Buffer;
}

/** The messages of one queue, or of all queues, each in its order. */
export function* exportQueue(folder: string, session?: string): Iterable<QueuedMessage> {
  const db = open(folder);
  if (!db) return;
  try {
    const ahead = aheadOf(db);
    const segments = new SegmentTable(db);
    for (const [name, keys] of queuesOf(db)) {
      if (session !== undefined && session !== name) continue;
      for (const key of keys) {
        for (const { at, flags, body } of segments.entries(key)) {
          yield messageOf(name, { at, flags, reason: null, body }, ahead);
        }
      }
    }
    const refused = db.prepare(
      `SELECT 'refused/' || uplink AS session, at, 0 AS flags, reason, body FROM dead_letter
       WHERE ?1 IS NULL OR 'refused/' || uplink = ?1 ORDER BY id`,
    );
    for (const row of refused.iterate({ 1: session ?? null })) {
      yield messageOf((row as { session: string }).session, row as Row, ahead);
    }
  } finally {
    db.close();
  }
}

function messageOf(session: string, row: Row, ahead: number): QueuedMessage {
  const { at, flags, reason, body } = row;
  const end = 2 + body.readUInt16BE(0);
  const payload = body.subarray(storedMessage(body, hasProperties(flags), null).payloadStart);
  const text = payload.toString('utf8');
  const isText = Buffer.from(text).equals(payload);
  return {
    session,
    at: new Date(at + ahead).toISOString(),
    topic: body.toString('utf8', 2, end),
    payload: isText ? text : payload.toString('base64'),
    encoding: isText ? 'utf8' : 'base64',
    ...(reason === null ? { qos: flags & 3, retain: (flags & 4) !== 0 } : { reason }),
  };
}

/** Deletes the messages of a queue and returns their number; throws while a gateway runs on the folder. */
export function purgeQueue(folder: string, session: string): number {
  if (!existsSync(databaseFile(folder))) return 0;
  const unlock = lockFolder(folder);
  const db = openConnection(databaseFile(folder));
  try {
    migrate(db);
    const segments = new SegmentTable(db);
    const edits = new SegmentEdits(db);
    const dead = db.prepare(`DELETE FROM dead_letter WHERE 'refused/' || uplink = ?`);
    return db.transaction(() => {
      let purged = dead.run(session).changes;
      for (const key of queuesOf(db).get(session) ?? []) {
        purged += segments.count(key);
        edits.dropSession(key);
      }
      return purged;
    })();
  } finally {
    db.close();
    unlock();
  }
}
