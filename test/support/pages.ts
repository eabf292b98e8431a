import type { Connection } from '../../src/store/database/sqlite.ts';
import { type DatabasePages, pagesIn } from '../../src/store/recovery/database-pages.ts';

/** The pages of a database, in which `damage` may change bytes. */
export function pagesOf(
  db: Connection,
  damage?: (page: Buffer, number: number) => void,
): DatabasePages {
  const pages = pagesIn(db.serialize());
  if (damage) for (let page = 1; page <= pages.count; page++) damage(pages.read(page)!, page);
  return pages;
}
