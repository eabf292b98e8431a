import { type Connection, openBytes } from '../database/sqlite.ts';
import { openPages, sizeOf } from './database-pages.ts';

/** Larger databases are not read into memory. */
const LIMIT_BYTES = 1024 ** 3;

/**
 * A connection to a copy of the database in memory; changes stay there. Read permission for the files is enough.
 * Undefined if there is no database. Throws where its write-ahead log is damaged, or it is larger than 1 GiB.
 */
export function openImage(file: string): Connection | undefined {
  if (sizeOf(file) > LIMIT_BYTES) throw new Error(`${file} is too large to be read into memory`);
  const pages = openPages(file);
  try {
    if (!pages.walReadable) throw new Error(`${file} is damaged, and the disk takes no writes`);
    if (pages.count === 0) return undefined;
    const { pageSize, count } = pages;
    const copy = Buffer.alloc(count * pageSize);
    // A page of zeros is not valid: SQLite reports it where it is used.
    for (let page = 1; page <= count; page++) pages.read(page)?.copy(copy, (page - 1) * pageSize);
    // Versions 1 in the header mean a rollback journal: a database in memory has no write-ahead log.
    copy[18] = 1;
    copy[19] = 1;
    return openBytes(copy);
  } finally {
    pages.close();
  }
}
