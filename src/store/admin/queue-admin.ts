import { existsSync } from 'node:fs';
import { storedMessage } from '../../queue/message.ts';
import { hasProperties } from '../../queue/queue-entry.ts';
import { databaseFile, lockFolder } from '../database/data-folder.ts';
import { openConnection } from '../database/database.ts';
import { isCurrent, migrate } from '../database/migrations.ts';
import { SegmentEdits } from '../database/segment-edits.ts';
import { SegmentTable, segmentId } from '../database/segment-table.ts';
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

/** The sessions of one queue: of a client, or of an uplink with all its priorities. */
const OF_QUEUE = 'client_id = $client OR (client_id >= $from AND client_id < $end)';

/** The sessions of each queue by its displayed name, or of one: all priorities of an uplink are one queue. */
function queuesOf(db: Connection, name?: string): Map<string, number[]> {
  const select = 'SELECT key, client_id AS clientId FROM session';
  const rows = (
    name === undefined
      ? db.prepare(select).all()
      : db
          .prepare(`${select} WHERE ${OF_QUEUE} ORDER BY key`)
          .all({ client: name, from: `\0${name}/`, end: `\0${name}0` })
  ) as SessionRow[];
  const queues = new Map<string, number[]>();
  for (const { key, clientId } of rows) {
    const queue = /^\0(uplink\/[^/]+)\//.exec(clientId)?.[1] ?? clientId;
    if (name !== undefined && queue !== name) continue;
    const keys = queues.get(queue);
    if (keys) keys.push(key);
    else queues.set(queue, [key]);
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

/** Every queue on disk, or one, whether the gateway runs or not; empty if there is no database. */
export function listQueues(folder: string, session?: string): QueueSummary[] {
  const db = open(folder);
  if (!db) return [];
  try {
    // By the range of the rows: the condition on another column would read those of all sessions for each.
    const counted = db.prepare(
      `SELECT coalesce(sum(count), 0) AS messages, coalesce(sum(bytes), 0) AS bytes, min(at) AS oldest
       FROM segment WHERE id >= ? AND id < ?`,
    );
    const queues = [...queuesOf(db, session)].map(([name, keys]) => {
      const each = keys.map(
        (key) => counted.get(segmentId(key, 0), segmentId(key + 1, 0)) as Count,
      );
      return { session: name, ...each.reduce(sumOf) };
    });
    const refused = db
      .prepare(
        `SELECT 'refused/' || uplink AS session, count(*) AS messages,
           sum(length(body)) AS bytes, min(at) AS oldest FROM dead_letter
         WHERE $session IS NULL OR 'refused/' || uplink = $session GROUP BY uplink`,
      )
      .all({ session: session ?? null }) as QueueSummary[];
    const ahead = aheadOf(db);
    return [...queues, ...refused]
      .map((one) => ({ ...one, oldest: one.oldest === null ? null : one.oldest + ahead }))
      .sort((a, b) => a.session.localeCompare(b.session, 'en'));
  } finally {
    db.close();
  }
}

type Count = Omit<QueueSummary, 'session'>;

function sumOf(one: Count, other: Count): Count {
  const oldest = Math.min(one.oldest ?? Infinity, other.oldest ?? Infinity);
  return {
    messages: one.messages + other.messages,
    bytes: one.bytes + other.bytes,
    oldest: Number.isFinite(oldest) ? oldest : null,
  };
}

interface Row {
  readonly at: number;
  readonly flags: number;
  readonly reason: string | null;
  readonly body: Buffer;
}

/** Bytes of messages that are read at once. */
const READ_BYTES = 256 * 1024;
/** Refused messages that are read at once. */
const READ_REFUSED = 100;

/**
 * The messages of one queue, or of all queues, each in its order. No read of the database is open while the caller has
 * a message, however long that is: the write-ahead log does not grow for it. Messages that come meanwhile are left out.
 */
export function* exportQueue(folder: string, session?: string): Iterable<QueuedMessage> {
  const db = open(folder);
  if (!db) return;
  try {
    const ahead = aheadOf(db);
    const segments = new SegmentTable(db);
    for (const [name, keys] of queuesOf(db, session)) {
      for (const key of keys) {
        const last = segments.last(key);
        for (let seq = 0; seq <= last; ) {
          const rows: Row[] = [];
          let bytes = 0;
          for (const { seq: found, at, flags, body } of segments.entries(key, seq)) {
            if (found > last) break;
            rows.push({ at, flags, reason: null, body });
            seq = found + 1;
            bytes += body.length;
            if (bytes >= READ_BYTES) break;
          }
          if (rows.length === 0) break;
          for (const row of rows) yield messageOf(name, row, ahead);
        }
      }
    }
    for (const row of refusedMessages(db, session)) yield messageOf(row.session, row, ahead);
  } finally {
    db.close();
  }
}

interface RefusedRow extends Row {
  readonly id: number;
  readonly session: string;
}

function* refusedMessages(db: Connection, session: string | undefined): Iterable<RefusedRow> {
  const refused = db.prepare(
    `SELECT id, 'refused/' || uplink AS session, at, 0 AS flags, reason, body FROM dead_letter
     WHERE id > $id AND ($session IS NULL OR 'refused/' || uplink = $session)
     ORDER BY id LIMIT ${READ_REFUSED}`,
  );
  for (let id = 0; ; ) {
    const rows = refused.all({ id, session: session ?? null }) as RefusedRow[];
    yield* rows;
    if (rows.length < READ_REFUSED) return;
    id = rows.at(-1)!.id;
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
      for (const key of queuesOf(db, session).get(session) ?? []) {
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
