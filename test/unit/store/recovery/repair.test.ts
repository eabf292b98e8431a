import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate, SCHEMA_VERSION } from '../../../../src/store/database/migrations.ts';
import { encodeSegment } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import type { Connection } from '../../../../src/store/database/sqlite.ts';
import { asLoss, LOSS_KEY, LOSS_OWNER, type Loss } from '../../../../src/store/recovery/loss.ts';
import {
  openSound,
  openUnwritable,
  removeMarkers,
  requestCheck,
} from '../../../../src/store/recovery/repair.ts';
import { createQuietLog, type LogRecord } from '../../../support/quiet-log.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const RETAINED = 40;

/** A database with retained values and a session; `change` is done to it before it is closed. */
function made(change = ''): string {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  db.exec(`INSERT INTO session (key, client_id, seen, sent) VALUES (1, 'c', 0, 0)`);
  const insert = db.prepare(`INSERT INTO retained (topic, qos, payload) VALUES (?, 0, ?)`);
  for (let n = 0; n < RETAINED; n++) insert.run(`t/${n}`, Buffer.alloc(500, n));
  db.exec(change);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return file;
}

interface Opened {
  readonly lines: readonly string[];
  readonly records: readonly LogRecord[];
  readonly retained: number;
  readonly sessions: number;
  readonly loss: Loss | undefined;
  /** The names of the files that were set aside. */
  readonly aside: readonly string[];
}

function opened(file: string): Opened {
  const { log, lines, records } = createQuietLog();
  const db = openSound(file, log);
  try {
    const count = (table: string): number =>
      db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const loss = db
      .prepare('SELECT value FROM state WHERE owner = ? AND key = ?')
      .pluck()
      .get(LOSS_OWNER, LOSS_KEY);
    return {
      ...{ lines, records, retained: count('retained'), sessions: count('session') },
      loss: typeof loss === 'string' ? asLoss(JSON.parse(loss)) : undefined,
      aside: readdirSync(dirname(file)).filter((name) => name.includes('.damaged-')),
    };
  } finally {
    db.close();
  }
}

test('a sound database is opened as it is', () => {
  const { lines, retained, aside, loss } = opened(made());
  expect([lines, retained, aside, loss]).toEqual([[], RETAINED, [], undefined]);
});

describe('a database is set aside, and what is in it recovered, when', () => {
  test.each([
    ['a table is missing', 'DROP TABLE will', 'table will is missing'],
    [
      'a table is another one',
      'DROP TABLE will; CREATE TABLE will (a)',
      'table will is not as this version made it',
    ],
  ])('%s', (_, change, damage) => {
    const file = made(change);
    const { lines, records, retained, sessions, aside, loss } = opened(file);
    expect([retained, sessions]).toEqual([RETAINED, 1]);
    // What was in the table is not known.
    expect(loss).toMatchObject({ messages: 0, places: 1 });
    expect(lines).toEqual([
      `${file} was damaged and is set aside: what could be read is recovered, the rest is lost: at least 0 messages`,
    ]);
    expect(aside).toHaveLength(1);
    expect(records[0]).toMatchObject({ damage, aside: aside[0], retained: RETAINED, sessions: 1 });
    // The next start has nothing to do.
    expect(opened(file).lines).toEqual([]);
  });

  test('a page of it is garbage: the loss is counted and told', () => {
    const file = made();
    const bytes = readFileSync(file);
    const at = bytes.indexOf(Buffer.alloc(400, 20));
    bytes.fill(0xee, at - (at % 4096), at - (at % 4096) + 4096);
    writeFileSync(file, bytes);
    const { lines, retained, aside, loss } = opened(file);
    expect(retained).toBeGreaterThan(RETAINED / 2);
    expect(retained).toBeLessThan(RETAINED);
    expect(lines[0]).toContain('what could be read is recovered, the rest is lost: at least');
    expect(loss).toMatchObject({ aside: aside[0], messages: RETAINED - retained });
    expect(loss?.places).toBeGreaterThan(0);
    // The second one adds to the first until somebody has acknowledged it.
    const again = readFileSync(file);
    const next = again.indexOf(Buffer.alloc(400, 1));
    again.fill(0xee, next - (next % 4096), next - (next % 4096) + 4096);
    writeFileSync(file, again);
    const second = opened(file);
    expect(second.loss?.messages).toBe(RETAINED - second.retained);
    expect(second.aside).toHaveLength(2);
  });
});

test('a database whose every row can be read has lost nothing, although an index of it is damaged', () => {
  const file = made();
  const bytes = readFileSync(file);
  const db = openConnection(file);
  const index = db
    .prepare(`SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'retained'`)
    .pluck()
    .get() as number;
  db.close();
  // The order of its entries.
  const cells = (index - 1) * 4096 + 8;
  bytes.copyWithin(cells, cells + 2, cells + 4);
  writeFileSync(file, bytes);
  requestCheck(file);
  const { lines, retained, loss } = opened(file);
  expect(lines).toEqual([
    `${file} was damaged and is set aside: every row that is in it could be read and is recovered`,
  ]);
  expect([retained, loss]).toEqual([RETAINED, undefined]);
});

describe('the gateway starts empty when', () => {
  test('the database is garbage from its first byte', () => {
    const file = databaseFile(tempFolder());
    writeFileSync(file, Buffer.alloc(20_000, 'garbage'));
    const { lines, aside, loss } = opened(file);
    expect(lines.at(-1)).toBe(
      `${file} was damaged and is set aside: nothing in it could be read: the gateway starts empty`,
    );
    expect([aside.length, loss?.messages]).toEqual([1, 0]);
  });

  test('the database is empty', () => {
    const file = made();
    truncateSync(file, 0);
    const { records, aside } = opened(file);
    expect([records.at(-1)?.damage, aside.length]).toEqual(['it is empty', 1]);
  });

  test('the database is a folder', () => {
    const file = databaseFile(tempFolder());
    mkdirSync(file);
    const { records, aside } = opened(file);
    expect([records.at(-1)?.damage, aside.length]).toEqual(['it is no file', 1]);
  });
});

test('data of a newer version are refused, and stay as they are', () => {
  const file = made(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  const before = readFileSync(file);
  expect(() => openSound(file, createQuietLog().log)).toThrow(/newer cellgate/);
  expect(readFileSync(file).equals(before)).toBe(true);
});

test('messages without a session are removed, counted and told', () => {
  const file = databaseFile(tempFolder());
  const db = openConnection(file);
  migrate(db);
  const body = Buffer.from('\0\x01tpayload');
  const entries = [1, 2, 3].map((seq) => ({
    ...{ seq, flags: 1, at: 0, shared: 0, length: body.length, body },
  }));
  new SegmentTable(db).insert(7, 1, encodeSegment(entries, 1), false);
  db.close();
  const { lines, loss, aside } = opened(file);
  expect(lines).toEqual(['queued messages without a session or a body were removed']);
  expect([loss?.messages, loss?.places, aside]).toEqual([3, 0, []]);
  expect(opened(file).lines).toEqual([]);
});

describe('marks of an earlier run', () => {
  test('a recovered database that was not renamed yet is the one that counts', () => {
    const file = made();
    const other = made(`DELETE FROM retained WHERE topic <> 't/1'`);
    writeFileSync(`${file}.recovered`, readFileSync(other));
    const { retained, aside } = opened(file);
    expect([retained, aside.length, existsSync(`${file}.recovered`)]).toEqual([1, 1, false]);
  });

  test('one that was not complete does not', () => {
    const file = made('DROP TABLE will');
    writeFileSync(`${file}.recovering`, 'half');
    const { retained, aside } = opened(file);
    expect([retained, aside.length, existsSync(`${file}.recovering`)]).toEqual([
      RETAINED,
      1,
      false,
    ]);
  });

  test('a check that was asked for is made once', () => {
    const file = made();
    requestCheck(file);
    expect(existsSync(`${file}.suspect`)).toBe(true);
    expect(opened(file).lines).toEqual([]);
    expect(existsSync(`${file}.suspect`)).toBe(false);
  });

  test('all of them are removed when another database takes the place', () => {
    const file = made();
    requestCheck(file);
    for (const mark of ['recovered', 'recovering']) writeFileSync(`${file}.${mark}`, '');
    removeMarkers(file);
    expect(readdirSync(dirname(file))).toEqual(['cellgate.db']);
  });
});

test('a run that could not read its data has it recovered at the next start, whatever the check finds', () => {
  const file = made();
  requestCheck(file, 'its retained messages cannot be read');
  const { records, retained, sessions, aside } = opened(file);
  expect(records[0]).toMatchObject({ damage: 'its retained messages cannot be read' });
  expect([retained, sessions, aside.length]).toEqual([RETAINED, 1, 1]);
  expect(opened(file).lines).toEqual([]);
});

test('without a disk that can be written, what is stored is read', () => {
  const counts = (db: Connection): number[] =>
    ['retained', 'session'].map(
      (table) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number,
    );
  expect(counts(openUnwritable(made()))).toEqual([RETAINED, 1]);
  expect(counts(openUnwritable(databaseFile(tempFolder())))).toEqual([0, 0]);
});
