import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openFile } from '../../../../src/store/database/sqlite.ts';
import { WalReader } from '../../../../src/store/recovery/wal-reader.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const PAGE = 4096;
const FRAME = 24 + PAGE;

/** A log with three commits, each of which changes page 2 alone, after the one that has created the table. */
function logOfSqlite(): { log: Buffer; frames: number } {
  const file = join(tempFolder(), 'x.db');
  const db = openFile(file);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  db.pragma('wal_autocheckpoint = 0');
  db.exec('CREATE TABLE x (value TEXT)');
  for (const value of ['first', 'second', 'third']) {
    db.prepare('INSERT INTO x VALUES (?)').run(value);
  }
  const log = readFileSync(`${file}-wal`);
  return { log, frames: (log.length - 32) / FRAME };
}

/** The latest committed content of page 2 in words. */
function valuesIn(log: Buffer): string[] {
  const content = WalReader.open(log)?.readCommitted().pages.get(2)?.toString('latin1') ?? '';
  return ['first', 'second', 'third'].filter((value) => content.includes(value));
}

/** A copy in which one byte has another value. */
function changed(log: Buffer, at: number): Buffer {
  const copy = Buffer.from(log);
  copy[at]! ^= 0xff;
  return copy;
}

test('every frame of a log of SQLite is read, in order', () => {
  const { log, frames } = logOfSqlite();
  const reader = WalReader.open(log)!;
  expect(reader.pageSize).toBe(PAGE);
  expect(reader.offset).toBe(32);
  const found = [...Array(frames)].map(() => reader.next());
  expect(found.slice(-3).map((frame) => [frame?.page, frame?.pagesAfterCommit])).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ]);
  expect(found.at(-1)?.content).toHaveLength(PAGE);
  expect(reader.offset).toBe(log.length);
  expect(reader.next()).toBeUndefined();
});

test('the committed content of a page is that of its last commit', () => {
  const { log } = logOfSqlite();
  expect(WalReader.open(log)!.readCommitted().count).toBe(2);
  expect(valuesIn(log)).toEqual(['first', 'second', 'third']);
});

describe('the header', () => {
  test.each([
    ['is too short', (log: Buffer) => log.subarray(0, 31)],
    ['is not of a log', (log: Buffer) => changed(log, 0)],
    ['has another byte order than its checksum', (log: Buffer) => changed(log, 3)],
    ['has a wrong checksum', (log: Buffer) => changed(log, 24)],
    ['has a wrong second checksum', (log: Buffer) => changed(log, 31)],
    ['has a wrong page size', (log: Buffer) => changed(log, 9)],
    ['is all zeros', () => Buffer.alloc(32)],
  ])('no reader where it %s', (_name, damage) => {
    expect(WalReader.open(damage(logOfSqlite().log))).toBeUndefined();
  });

  test('alone is a log without commits', () => {
    const { log } = logOfSqlite();
    const { pages, count } = WalReader.open(log.subarray(0, 32))!.readCommitted();
    expect([pages.size, count]).toEqual([0, 0]);
  });
});

describe('reading ends before a frame', () => {
  test.each([
    ['that is incomplete', (log: Buffer) => log.subarray(0, -1)],
    ['of which only the header is there', (log: Buffer) => log.subarray(0, 24 - FRAME)],
    ['with another first salt', (log: Buffer) => changed(log, log.length - FRAME + 8)],
    ['with another second salt', (log: Buffer) => changed(log, log.length - FRAME + 15)],
    ['with a wrong checksum', (log: Buffer) => changed(log, log.length - FRAME + 16)],
    ['with a wrong second checksum', (log: Buffer) => changed(log, log.length - FRAME + 23)],
    ['with another page number', (log: Buffer) => changed(log, log.length - FRAME + 3)],
    ['with other content', (log: Buffer) => changed(log, log.length - 1)],
  ])('%s', (_name, damage) => {
    expect(valuesIn(damage(logOfSqlite().log))).toEqual(['first', 'second']);
  });

  test('and what comes after it is not read', () => {
    const { log } = logOfSqlite();
    expect(valuesIn(changed(log, log.length - 2 * FRAME + 16))).toEqual(['first']);
  });
});

test('frames after the last commit are left out', () => {
  const file = join(tempFolder(), 'x.db');
  const db = openFile(file);
  onTestFinished(() => void db.close());
  db.pragma('journal_mode = WAL');
  // Small enough that an open transaction must write its pages to the log.
  db.pragma('cache_size = 2');
  db.exec('CREATE TABLE x (value TEXT)');
  const committed = WalReader.open(readFileSync(`${file}-wal`))!.readCommitted();
  db.exec('BEGIN');
  for (let row = 0; row < 100; row++) {
    db.prepare('INSERT INTO x VALUES (?)').run('x'.repeat(3000));
  }
  const log = readFileSync(`${file}-wal`);
  expect(log.length).toBeGreaterThan(20 * FRAME);
  const found = WalReader.open(log)!.readCommitted();
  expect(found.count).toBe(committed.count);
  expect([...found.pages.keys()]).toEqual([...committed.pages.keys()]);
  db.exec('ROLLBACK');
});

describe('what is behind a damaged frame', () => {
  /** A log with twenty commits of one frame each, after the one that has created the table. */
  function longLog(): { log: Buffer; frames: number } {
    const file = join(tempFolder(), 'x.db');
    const db = openFile(file);
    onTestFinished(() => void db.close());
    db.pragma('journal_mode = WAL');
    db.pragma('wal_autocheckpoint = 0');
    db.exec('CREATE TABLE x (value TEXT)');
    for (let n = 0; n < 20; n++) db.prepare('INSERT INTO x VALUES (?)').run(`value ${n},`);
    const log = readFileSync(`${file}-wal`);
    return { log, frames: (log.length - 32) / FRAME };
  }
  const damagedFromEnd = (log: Buffer, frames: number): Buffer =>
    changed(log, log.length - frames * FRAME + 30);

  test('is read where several commits are there', () => {
    const { log } = longLog();
    const found = WalReader.open(damagedFromEnd(log, 10))!.readBeyondDamage();
    expect(found?.pages.get(2)?.includes('value 19,')).toBe(true);
    expect(
      WalReader.open(damagedFromEnd(log, 10))!.readCommitted().pages.get(2)?.includes('value 10,'),
    ).toBe(false);
  });

  test('is not used where it may be what a power cut has left of the commit in flight', () => {
    const { log } = longLog();
    for (const frames of [1, 2, 3, 4]) {
      expect(WalReader.open(damagedFromEnd(log, frames))!.readBeyondDamage()).toBeUndefined();
    }
    expect(WalReader.open(log)!.readBeyondDamage()).toBeUndefined();
  });

  test('ends where the frames are of an earlier use of the file', () => {
    const { log, frames } = longLog();
    const copy = Buffer.from(log);
    // Other salts, as after a checkpoint.
    for (let n = frames - 10; n < frames; n++) copy[32 + n * FRAME + 8]! ^= 0xff;
    expect(WalReader.open(copy)!.readBeyondDamage()).toBeUndefined();
  });
});
