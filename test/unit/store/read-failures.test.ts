import { expect, test } from 'vitest';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { ReadFailures } from '../../../src/store/read-failures.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SENTENCE =
  "queued messages can't be read from /data (disk I/O error): they wait, and the read is tried again each second; check the disk";

test('failed reads are counted, a trouble for as long as they fail, and logged once', () => {
  const { log, lines } = createQuietLog();
  let now = 0;
  const failures = new ReadFailures(log, '/data', () => now);
  expect(failures.trouble).toBeUndefined();
  for (; now < 60_000; now += 1000) failures.failed(new Error('disk I/O error'));
  expect([failures.count, failures.trouble, lines]).toEqual([60, SENTENCE, [SENTENCE]]);
  failures.failed(new Error('other'));
  expect(lines.length).toBe(2);
  now += 10_000;
  expect(failures.trouble).toBeUndefined();
  now += 600_000;
  failures.failed(new Error('other'));
  expect(lines.length).toBe(3);
});

test('a queue that the store can not read is a trouble of the store, and is read when it can', async () => {
  const folder = tempFolder();
  const { store, lines } = await startStore(folder);
  const other = openConnection(databaseFile(folder));
  other.exec('ALTER TABLE segment RENAME TO away');
  await expect(store.load(3, 1, 10)).rejects.toThrow();
  const [trouble] = store.troubles();
  expect(trouble).toMatch(
    /^queued messages can't be read from .* \(no such table: .*\): they wait/,
  );
  expect(lines).toContain(trouble);
  expect((await store.status()).failedReads).toBe(1);
  other.exec('ALTER TABLE away RENAME TO segment');
  other.close();
  expect(await store.load(3, 1, 10)).toEqual([]);
  await store.stop();
});
