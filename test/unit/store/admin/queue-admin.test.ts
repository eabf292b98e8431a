import { describe, expect, onTestFinished, test } from 'vitest';
import { exportQueue, listQueues, purgeQueue } from '../../../../src/store/admin/queue-admin.ts';
import { databaseFile, lockFolder } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
import { encodeSegment } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { MARK_KEY, MARK_OWNER } from '../../../../src/store/stored-clock.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** The wall clock is so far ahead of the stored one. */
const AHEAD = Date.UTC(2026, 0, 1);

function bodyOf(topic: string, payload: string | Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(Buffer.byteLength(topic));
  return Buffer.concat([head, Buffer.from(topic), Buffer.from(payload)]);
}

/** Entries of a session, from a number on, each a second after the one before. */
function queue(db: Connection, session: number, bodies: readonly Buffer[], at = 0): void {
  const entries = bodies.map((body, n) => ({
    ...{ seq: n + 1, flags: n === 0 ? 1 : 2 | 4, at: at + n * 1000, shared: 0 },
    ...{ length: body.length, body },
  }));
  if (entries.length > 0) new SegmentTable(db).insert(session, 1, encodeSegment(entries, 1), false);
}

/** A folder with queues of a client and of an uplink, and refused messages. */
function made(): string {
  const folder = tempFolder();
  const db = openConnection(databaseFile(folder));
  migrate(db);
  const session = db.prepare(
    'INSERT INTO session (key, client_id, seen, sent) VALUES (?, ?, 0, 0)',
  );
  for (const [key, name] of [
    'client',
    '\0uplink/p/0/normal',
    '\0uplink/p/1/high',
    'empty',
  ].entries()) {
    session.run(key + 1, name);
  }
  queue(db, 1, [bodyOf('t', 'text'), bodyOf('ä', Buffer.from([0xff]))], 5000);
  queue(db, 2, [bodyOf('n', '1')], 3000);
  queue(db, 3, [bodyOf('h', '22')], 2000);
  const refused = db.prepare('INSERT INTO dead_letter VALUES (?, ?, ?, ?, ?)');
  refused.run(1, 'p', 1000, 'too long', bodyOf('x', 'y'));
  refused.run(2, 'q', 1500, 'not allowed', bodyOf('z', ''));
  db.prepare('INSERT INTO state VALUES (?, ?, ?)').run(
    MARK_OWNER,
    MARK_KEY,
    JSON.stringify({ wall: AHEAD + 7000, now: 7000 }),
  );
  db.close();
  return folder;
}

test('the list has each queue with its messages, bytes and its oldest by the wall clock', () => {
  expect(listQueues(made())).toEqual([
    { session: 'client', messages: 2, bytes: 7 + 5, oldest: AHEAD + 5000 },
    { session: 'empty', messages: 0, bytes: 0, oldest: null },
    { session: 'refused/p', messages: 1, bytes: 4, oldest: AHEAD + 1000 },
    { session: 'refused/q', messages: 1, bytes: 3, oldest: AHEAD + 1500 },
    // All priorities are one.
    { session: 'uplink/p', messages: 2, bytes: 4 + 5, oldest: AHEAD + 2000 },
  ]);
});

describe('the export', () => {
  test('of one queue has its messages in order, text as text and all else in base64', () => {
    expect([...exportQueue(made(), 'client')]).toEqual([
      {
        ...{ session: 'client', at: '2026-01-01T00:00:05.000Z', topic: 't', payload: 'text' },
        ...{ encoding: 'utf8', qos: 1, retain: false },
      },
      {
        ...{ session: 'client', at: '2026-01-01T00:00:06.000Z', topic: 'ä', payload: '/w==' },
        ...{ encoding: 'base64', qos: 2, retain: true },
      },
    ]);
  });

  test('of refused messages has the reasons', () => {
    expect([...exportQueue(made(), 'refused/p')]).toEqual([
      {
        ...{ session: 'refused/p', at: '2026-01-01T00:00:01.000Z', topic: 'x', payload: 'y' },
        ...{ encoding: 'utf8', reason: 'too long' },
      },
    ]);
  });

  test('without a name is of all', () => {
    const sessions = [...exportQueue(made())].map(({ session }) => session).toSorted();
    expect(sessions).toEqual([
      'client',
      'client',
      'refused/p',
      'refused/q',
      'uplink/p',
      'uplink/p',
    ]);
    expect([...exportQueue(made(), 'nobody')]).toEqual([]);
  });
});

test('the list and the export of one queue are those of it alone', () => {
  const folder = made();
  for (const name of ['client', 'uplink/p', 'refused/q', 'empty']) {
    const all = listQueues(folder).filter(({ session }) => session === name);
    expect(listQueues(folder, name)).toEqual(all);
    expect(new Set([...exportQueue(folder, name)].map(({ session }) => session))).toEqual(
      new Set(name === 'empty' ? [] : [name]),
    );
  }
  expect(listQueues(folder, 'uplink')).toEqual([]);
});

/** Many sessions with one segment each, and one with many; the numbers of the sessions begin at 100. */
function withSessions(count: number, segments = 1): string {
  const folder = made();
  const db = openConnection(databaseFile(folder));
  const session = db.prepare(
    'INSERT INTO session (key, client_id, seen, sent) VALUES (?, ?, 0, 0)',
  );
  const table = new SegmentTable(db);
  db.transaction(() => {
    for (let key = 100; key < 100 + count; key++) {
      session.run(key, `many-${key}`);
      for (let n = 0; n < segments; n++) {
        const body = bodyOf('t', Buffer.alloc(2000, 120));
        const seq = n * 10 + 1;
        const entry = { seq, flags: 1, at: 0, shared: 0, length: body.length, body };
        table.insert(key, seq, encodeSegment([entry], seq), false);
      }
    }
  })();
  db.close();
  return folder;
}

test('a list of ten times as many sessions does not cost a hundred times as much', () => {
  const cost = (folder: string): number => {
    const costs = Array.from({ length: 3 }, () => {
      const before = process.cpuUsage();
      listQueues(folder);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    });
    return Math.min(...costs);
  };
  const [few, many] = [withSessions(300), withSessions(3000)];
  expect(cost(many) / cost(few)).toBeLessThan(40);
});

test('while somebody has a message of an export, the write-ahead log can be emptied', () => {
  const folder = withSessions(1, 600);
  const db = openConnection(databaseFile(folder));
  onTestFinished(() => void db.close());
  const seen: string[] = [];
  for (const { session, topic } of exportQueue(folder, 'many-100')) {
    seen.push(topic);
    if (seen.length !== 10) continue;
    // A message that comes meanwhile, and all that are deleted.
    queue(db, 200, [bodyOf('later', '')]);
    expect(session).toBe('many-100');
    const [checkpoint] = db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    expect(checkpoint?.busy).toBe(0);
  }
  expect(seen.length).toBe(600);
});

describe('the purge', () => {
  test('deletes the messages of one queue, and no others', () => {
    const folder = made();
    expect([purgeQueue(folder, 'uplink/p'), purgeQueue(folder, 'refused/q')]).toEqual([2, 1]);
    expect(purgeQueue(folder, 'uplink/p')).toBe(0);
    const left = listQueues(folder).map(({ session, messages }) => `${session} ${messages}`);
    expect(left).toEqual(['client 2', 'empty 0', 'refused/p 1', 'uplink/p 0']);
  });

  test('is refused while a gateway runs on the folder', () => {
    const folder = made();
    const unlock = lockFolder(folder);
    expect(() => purgeQueue(folder, 'client')).toThrow('in use by another cellgate');
    unlock();
    expect(purgeQueue(folder, 'client')).toBe(2);
  });
});

test('without a database there is nothing', () => {
  const folder = tempFolder();
  expect([listQueues(folder), [...exportQueue(folder)], purgeQueue(folder, 'a')]).toEqual([
    ...[[], []],
    0,
  ]);
});

test('a database of an older version is read after the next start', () => {
  const folder = made();
  const db = openConnection(databaseFile(folder));
  db.pragma('user_version = 1');
  db.close();
  expect(() => listQueues(folder)).toThrow(
    `${databaseFile(folder)} is of an older cellgate: start the gateway once, which brings it up to date`,
  );
});
