import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../../../src/store/database/database.ts';
import { FreeSpace, giveBack } from '../../../../src/store/database/free-space.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
import { openReadOnly } from '../../../../src/store/database/sqlite.ts';
import { REPOSITORY } from '../../../support/gateway.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const KiB = 1024;
const LIMITS = { free: 1000 * KiB, held: 500 * KiB };

/** A database with `kept` messages, and free pages of `deleted` ones; each is about one page. */
function setUp(kept: number, deleted: number) {
  const file = join(tempFolder(), 'test.db');
  const db = openConnection(file);
  onTestFinished(() => void db.close());
  migrate(db);
  const insert = db.prepare('INSERT INTO message (id, refs, body) VALUES (?, 1, ?)');
  db.transaction(() => {
    for (let id = 1; id <= kept + deleted; id++) insert.run(id, Buffer.alloc(3500, id % 251));
  })();
  db.exec(`DELETE FROM message WHERE id > ${kept}`);
  db.pragma('wal_checkpoint(TRUNCATE)');
  const size = () => statSync(file).size / KiB;
  const rows = () => db.prepare('SELECT id, body FROM message ORDER BY id').all();
  return { file, db, size, rows };
}

test('many free pages go back to the file system, and the rows stay', () => {
  const { db, size, rows } = setUp(50, 400);
  const [before, held] = [size(), rows()];
  const bytes = giveBack(db, LIMITS);
  expect(before).toBeGreaterThan(1800);
  expect(size()).toBeLessThan(350);
  expect(bytes / KiB).toBe(before - size());
  expect(rows()).toEqual(held);
  expect(giveBack(db, LIMITS)).toBe(0);
});

test.each([
  ['few free pages', 50, 200],
  ['a file that holds much', 200, 400],
])('%s stay', (_name, kept, deleted) => {
  const { db, size } = setUp(kept, deleted);
  const before = size();
  expect(giveBack(db, LIMITS)).toBe(0);
  expect(size()).toBe(before);
});

describe('as far as the disk is fast enough', () => {
  const HOUR_MS = 3_600_000;

  /** A file with 12 MiB free, whose disk takes so many bytes in a millisecond. */
  function setUpSpace(bytesPerMs: number, kept = 50) {
    const { db, size, rows } = setUp(kept, 3100);
    const clock = { now: 0, measured: 0 };
    const space = new FreeSpace(
      () => clock.now,
      () => {
        clock.measured++;
        return bytesPerMs;
      },
    );
    const refill = (): void => {
      db.exec('INSERT INTO message (refs, body) SELECT 2, zeroblob(12000000)');
      db.exec('DELETE FROM message WHERE refs = 2');
    };
    return { db, size, rows, clock, refill, giveBack: () => space.giveBack(db) };
  }

  test('free space goes back, and again not before a day has passed', () => {
    const { size, rows, clock, refill, giveBack } = setUpSpace(10_000);
    const held = rows();
    expect(giveBack()).toBeGreaterThan(10_000 * KiB);
    expect(size()).toBeLessThan(350);
    expect(rows()).toEqual(held);
    refill();
    clock.now = 24 * HOUR_MS - 1;
    expect(giveBack()).toBe(0);
    clock.now = 24 * HOUR_MS;
    expect(giveBack()).toBeGreaterThan(10_000 * KiB);
    expect(clock.measured).toBe(1);
  });

  test('a file whose copy would take longer than two seconds keeps its size; the disk is measured once', () => {
    // 2,000 messages are 8 MB. They are written twice, which takes this disk 2,700 ms, and the other one 1,600 ms.
    const slow = setUpSpace(6000, 2000);
    const before = slow.size();
    expect(slow.giveBack()).toBe(0);
    slow.clock.now = HOUR_MS;
    expect(slow.giveBack()).toBe(0);
    expect([slow.size(), slow.clock.measured]).toEqual([before, 1]);
    expect(setUpSpace(10_000, 2000).giveBack()).toBeGreaterThan(10_000 * KiB);
  });

  test('what is less than a fifth of what the file holds stays, and the disk is not measured', () => {
    const { db, clock, giveBack } = setUpSpace(1_000_000, 16_000);
    expect(giveBack()).toBe(0);
    expect(clock.measured).toBe(0);
    db.exec('DELETE FROM message WHERE id > 14000');
    expect(giveBack()).toBeGreaterThan(20_000 * KiB);
  });

  test('after an error it tries again in an hour', () => {
    const { db } = setUp(50, 3100);
    const clock = { now: 0, measured: 0 };
    const space = new FreeSpace(
      () => clock.now,
      () => {
        clock.measured++;
        throw new Error('ENOSPC: no space left on device');
      },
    );
    expect(() => space.giveBack(db)).toThrow('ENOSPC');
    clock.now = HOUR_MS - 1;
    expect(space.giveBack(db)).toBe(0);
    clock.now = HOUR_MS;
    expect(() => space.giveBack(db)).toThrow('ENOSPC');
  });

  test('the speed of the disk is measured beside the file, which leaves nothing', () => {
    const { file, db } = setUp(50, 3100);
    expect(new FreeSpace().giveBack(db)).toBeGreaterThan(10_000 * KiB);
    expect(readdirSync(dirname(file)).filter((name) => name.includes('speed'))).toEqual([]);
  });
});

test('while another process reads, the rows are moved, and a later checkpoint shortens the file', () => {
  const { file, db, size, rows } = setUp(50, 400);
  const [before, held] = [size(), rows()];
  const reader = openReadOnly(file);
  onTestFinished(() => void reader.close());
  const count = reader.prepare('SELECT count(*) FROM message').pluck();
  reader.exec('BEGIN');
  expect(count.get()).toBe(50);
  giveBack(db, LIMITS);
  expect([size(), count.get()]).toEqual([before, 50]);
  reader.exec('COMMIT');
  db.pragma('wal_checkpoint(PASSIVE)');
  expect(size()).toBeLessThan(350);
  expect(rows()).toEqual(held);
});

test('the log of a large commit is shortened', () => {
  const { file, db } = setUp(10, 0);
  const log = () => statSync(`${file}-wal`).size / KiB / KiB;
  const insert = db.prepare('INSERT INTO message (refs, body) VALUES (2, zeroblob(24000000))');
  insert.run();
  expect(log()).toBeGreaterThan(20);
  db.exec('DELETE FROM message WHERE refs = 2');
  db.pragma('wal_checkpoint(PASSIVE)');
  db.exec('UPDATE message SET refs = 3 WHERE id = 1');
  expect(log()).toBeLessThanOrEqual(16);
});

/** Fills the file, deletes what was filled in and gives the space back, without end; prints a line before each. */
const LOOP = `
import { openConnection } from '${REPOSITORY}/dist/src/store/database/database.js';
import { giveBack } from '${REPOSITORY}/dist/src/store/database/free-space.js';
const db = openConnection(process.argv[1]);
const insert = db.prepare('INSERT INTO message (id, refs, body) VALUES (?, 2, zeroblob(3500))');
for (;;) {
  db.transaction(() => { for (let id = 1000; id < 1300; id++) insert.run(id); })();
  db.exec('DELETE FROM message WHERE refs = 2');
  process.stdout.write('.');
  if (giveBack(db, ${JSON.stringify(LIMITS)}) === 0) throw new Error('nothing was given back');
}`;

test('killed in the middle of it, the file has all rows and no damage', {
  timeout: 60_000,
}, async () => {
  const { file, db, rows } = setUp(50, 0);
  const held = rows();
  for (let n = 0; n < 5; n++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', LOOP, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.exec('DELETE FROM message WHERE refs = 2');
    expect(rows()).toEqual(held);
  }
});
