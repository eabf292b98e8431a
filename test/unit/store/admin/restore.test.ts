import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { backup, restore } from '../../../../src/store/admin/backup.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
import { openFile } from '../../../../src/store/database/sqlite.ts';
import { openSound } from '../../../../src/store/recovery/repair.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** Creates a database whose retained message says whose it is. */
function create(file: string, owner: string): void {
  const db = openConnection(file);
  migrate(db);
  db.prepare(`INSERT INTO retained VALUES ('owner', 0, ?, '', x'', 0)`).run(Buffer.from(owner));
  db.close();
}

test('a restore over a folder with marks of an earlier damage is what the next start opens', async () => {
  const [from, to] = [tempFolder(), tempFolder()];
  create(databaseFile(from), 'backup');
  const copy = join(from, 'copy.db');
  await backup(from, copy, () => undefined);
  const file = databaseFile(to);
  create(file, 'former');
  // A start that was interrupted as it had recovered a damaged database, and marks of further damage.
  create(`${file}.recovered`, 'recovered');
  create(`${file}.recovering`, 'half recovered');
  writeFileSync(`${file}.suspect`, '');

  restore(to, copy);
  expect(readdirSync(to).filter((name) => /\.(suspect|recover)/.test(name))).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { log, lines } = createQuietLog();
  const db = openSound(file, log);
  expect(String(db.prepare('SELECT payload FROM retained').pluck().get())).toBe('backup');
  db.close();
  expect(lines).toEqual([]);
  expect(readdirSync(to).filter((name) => name.includes('damaged'))).toEqual([]);
  expect(existsSync(`${file}.recovered`)).toBe(false);
});

const owners = (file: string): unknown[] => {
  const db = openConnection(file);
  try {
    return db.prepare('SELECT payload FROM retained').pluck().all().map(String);
  } finally {
    db.close();
  }
};

const startsOf = (file: string): unknown => {
  const db = openConnection(file);
  try {
    return db.prepare(`SELECT value FROM meta WHERE key = 'boot'`).pluck().get();
  } finally {
    db.close();
  }
};

function setStarts(file: string, count: number): void {
  const db = openConnection(file);
  db.prepare(`INSERT OR REPLACE INTO meta VALUES ('boot', ?)`).run(count);
  db.close();
}

describe('a restore', () => {
  test('keeps the former database whole, with what was in its log', async () => {
    const [from, to] = [tempFolder(), tempFolder()];
    create(databaseFile(from), 'backup');
    const copy = join(from, 'copy.db');
    await backup(from, copy, () => undefined);
    const file = databaseFile(to);
    create(file, 'former');
    const former = restore(to, copy)!;
    expect(former).toMatch(/cellgate\.db\.before-restore-/);
    expect([owners(file), owners(former)]).toEqual([['backup'], ['former']]);
    expect(readdirSync(to).filter((name) => /restoring|-wal$/.test(name))).toEqual([]);
  });

  test('into an empty folder keeps nothing', async () => {
    const [from, to] = [tempFolder(), tempFolder()];
    create(databaseFile(from), 'backup');
    const copy = join(from, 'copy.db');
    await backup(from, copy, () => undefined);
    expect(restore(to, copy)).toBeUndefined();
    expect(owners(databaseFile(to))).toEqual(['backup']);
  });

  test.each([
    [3, 7, 10_000],
    [9_999, 10_000, 20_000],
    [25_000, 3, 30_000],
  ])(
    'counts starts from a number that neither has used: %s, %s',
    async (backedUp, former, next) => {
      const [from, to] = [tempFolder(), tempFolder()];
      create(databaseFile(from), 'backup');
      setStarts(databaseFile(from), backedUp);
      const copy = join(from, 'copy.db');
      await backup(from, copy, () => undefined);
      create(databaseFile(to), 'former');
      setStarts(databaseFile(to), former);
      restore(to, copy);
      expect(startsOf(databaseFile(to))).toBe(next);
    },
  );

  test('of a former database that is damaged keeps it as it is', async () => {
    const [from, to] = [tempFolder(), tempFolder()];
    create(databaseFile(from), 'backup');
    const copy = join(from, 'copy.db');
    await backup(from, copy, () => undefined);
    writeFileSync(databaseFile(to), 'garbage');
    const former = restore(to, copy)!;
    expect(readFileSync(former, 'utf8')).toBe('garbage');
    expect([owners(databaseFile(to)), startsOf(databaseFile(to))]).toEqual([['backup'], 10_000]);
  });

  test('of what is no backup changes nothing, and says why', async () => {
    const folder = tempFolder();
    const file = databaseFile(folder);
    create(file, 'former');
    const before = readdirSync(folder);
    const wrong = join(tempFolder(), 'wrong');
    expect(() => restore(folder, wrong)).toThrow(
      `${wrong} is missing, expected a file of "cellgate backup"`,
    );
    writeFileSync(wrong, 'no database');
    expect(() => restore(folder, wrong)).toThrow(`${wrong} is no file of "cellgate backup"`);
    const other = join(tempFolder(), 'other.db');
    const db = openFile(other);
    db.exec('CREATE TABLE other (a)');
    db.close();
    expect(() => restore(folder, other)).toThrow(`${other} is no file of "cellgate backup"`);
    expect([readdirSync(folder), owners(file)]).toEqual([before, ['former']]);
  });
});

describe('a backup', () => {
  test('is one file, for this user alone, and tells its progress to the end', async () => {
    const folder = tempFolder();
    create(databaseFile(folder), 'mine');
    const to = join(tempFolder(), 'copy.db');
    const progress: number[] = [];
    await backup(folder, to, (done) => void progress.push(done));
    expect(progress.at(-1)).toBe(1);
    expect(progress.every((done) => done >= 0 && done <= 1)).toBe(true);
    expect([statSync(to).mode & 0o777, readdirSync(dirname(to))]).toEqual([0o600, ['copy.db']]);
    expect(owners(to)).toEqual(['mine']);
  });

  test('replaces no other file, and needs a database', async () => {
    const folder = tempFolder();
    const to = join(tempFolder(), 'copy.db');
    await expect(backup(folder, to, () => undefined)).rejects.toThrow(
      `there is nothing to back up: ${databaseFile(folder)} is missing`,
    );
    create(databaseFile(folder), 'mine');
    writeFileSync(to, 'other');
    await expect(backup(folder, to, () => undefined)).rejects.toThrow(
      `${to} is there already, expected a name that is free`,
    );
    expect(readFileSync(to, 'utf8')).toBe('other');
  });
});
