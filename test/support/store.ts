import type { Clock } from '../../src/base/clock.ts';
import { Faults } from '../../src/base/faults.ts';
import { startWriter, type Writer } from '../../src/store/commit/writer.ts';
import { databaseFile } from '../../src/store/database/data-folder.ts';
import { openConnection } from '../../src/store/database/database.ts';
import { migrate } from '../../src/store/database/migrations.ts';
import type { StoredRetained } from '../../src/store/recovery/retained-snapshot.ts';
import { Store } from '../../src/store/store.ts';
import { createQuietLog } from './quiet-log.ts';

/** A started store on this folder, with its log lines and fatal errors. */
export async function startStore(
  folder: string,
  options: {
    readonly deferredMs?: number;
    readonly faults?: Faults;
    readonly clock?: Clock;
  } = {},
): Promise<{ store: Store; lines: string[]; fatal: Error[] }> {
  const { log, lines } = createQuietLog();
  const fatal: Error[] = [];
  const store = new Store({
    folder,
    deferredMs: 50,
    log,
    faults: new Faults(log, () => performance.now()),
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  await store.start();
  return { store, lines, fatal };
}

/** A writer thread on a migrated database in this folder, and a second connection to read and change it. */
export function openWriter(folder: string): {
  file: string;
  writer: Writer;
  rows(sql: string): unknown[];
  exec(sql: string): void;
  close(): Promise<void>;
} {
  const file = databaseFile(folder);
  const db = openConnection(file);
  migrate(db);
  const writer = startWriter(file);
  return {
    file,
    writer,
    rows: (sql) => db.prepare(sql).raw(true).all(),
    exec: (sql) => void db.exec(sql),
    async close() {
      await writer.close();
      db.close();
    },
  };
}

/** All retained messages that were stored at the start; until they are read, the database stays open for reading. */
export function retainedOf({ retained }: Store): StoredRetained[] {
  const all: StoredRetained[] = [];
  for (let part = retained.take(100); part; part = retained.take(100)) all.push(...part);
  return all;
}
