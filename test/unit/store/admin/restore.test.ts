import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { backup, restore } from '../../../../src/store/admin/backup.ts';
import { databaseFile } from '../../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../../src/store/database/database.ts';
import { migrate } from '../../../../src/store/database/migrations.ts';
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
