import { referenceDatabase } from '../../src/store/database/migrations.ts';
import type { StoredRetained } from '../../src/store/database/recent-batch.ts';
import { RecentValues } from '../../src/store/database/recent-values.ts';
import type { Connection } from '../../src/store/database/sqlite.ts';

/** A retained value of the gateway itself. */
export function retained(topic: string, payload: string | Uint8Array = topic): StoredRetained {
  const bytes = Buffer.from(payload as string);
  return { topic, qos: 0, payload: bytes, publisher: '', properties: Buffer.alloc(0), expires: 0 };
}

/** Writes values in one transaction, twice if they are new: then they are in a batch. */
export function writeRecent(db: Connection, topics: readonly string[]): void {
  const values = new RecentValues(db);
  for (let n = 0; n < 2; n++) {
    db.transaction(() => {
      for (const topic of topics) values.retain(retained(topic));
      values.flush();
    })();
  }
}

/** The rows of the table `recent` with values of these topics. */
export function recentRows(topics: readonly string[]): Buffer[] {
  const db = referenceDatabase();
  writeRecent(db, topics);
  const rows = db.prepare('SELECT body FROM recent ORDER BY id').pluck().all() as Buffer[];
  db.close();
  return rows;
}
