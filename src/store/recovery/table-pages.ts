import { referenceDatabase, SCHEMA_VERSION } from '../database/migrations.ts';
import { type DatabasePages, pagesIn } from './database-pages.ts';
import { type Gap, mapPages, type PageMap, type Root, readSchema, type Tree } from './page-map.ts';
import { type PageRows, type RawRow, rowsOf } from './page-rows.ts';
import { rowOf, SALVAGE_TABLES, type SalvageTable } from './salvage-tables.ts';

/** The pages of a damaged database that have, or may have, rows of a table. */
export class TablePages {
  readonly #pages: DatabasePages;
  readonly #map: PageMap;
  /** How many tables are missing, or are not as this version has made them. */
  readonly strangeTables: number = 0;
  /** By table, the pages with rows of it to which no tree leads. */
  #strays: ReadonlyMap<string, readonly number[]> | undefined;

  constructor(pages: DatabasePages) {
    this.#pages = pages;
    const withRowid = new Set(SALVAGE_TABLES.filter(({ rowid }) => rowid).map(({ name }) => name));
    const hasRowid = (table: string): boolean => withRowid.has(table);
    const map = mapPages(pages, hasRowid);
    const reference = readSchema(referencePages());
    if (map.trees.length > 0) {
      this.#map = map;
      if (schemaVersion(pages) === SCHEMA_VERSION) this.strangeTables = missingIn(reference, map);
      return;
    }
    // The first page is lost. In a database that this version has created, the trees are where it creates them.
    const usual = mapPages(pages, hasRowid, reference);
    this.#map = fits(usual, pages) ? usual : map;
  }

  /** Whether the schema can be read, or is known. */
  get hasSchema(): boolean {
    return this.#map.trees.length > 0;
  }

  hasTree(table: SalvageTable): boolean {
    return treeOf(this.#map, table) !== undefined;
  }

  /** The places of a table's tree that can't be reached. */
  gapsOf({ name }: SalvageTable): readonly Gap[] {
    return this.#map.gaps.filter(({ tree }) => tree.table === name && !tree.isIndex);
  }

  /** The rows of a table, page by page, as its tree leads to them. */
  *rowsOf(table: SalvageTable): Iterable<PageRows> {
    const tree = treeOf(this.#map, table);
    if (!tree) return;
    for (const page of this.#map.pagesOf(tree)) yield rowsOf(this.#pages, page);
  }

  /** The rows of pages to which no tree leads, where one of them can be of the table. */
  *straysOf({ name }: SalvageTable): Iterable<PageRows> {
    this.#strays ??= this.#findStrays();
    for (const page of this.#strays.get(name) ?? []) yield rowsOf(this.#pages, page);
  }

  /** The rows of the index of a table: a name, and the rowid of its row. */
  *indexOf({ name }: SalvageTable): Iterable<RawRow> {
    const isWanted = (tree: Tree): boolean => tree.table === name && tree.isIndex;
    for (const tree of this.#map.trees.filter(isWanted)) {
      for (const page of this.#map.pagesOf(tree)) yield* rowsOf(this.#pages, page).rows;
    }
  }

  #findStrays(): Map<string, number[]> {
    const strays = new Map<string, number[]>();
    for (const page of this.#map.others()) {
      const { rows } = rowsOf(this.#pages, page);
      for (const table of SALVAGE_TABLES) {
        if (table.page !== undefined && table.page !== page) continue;
        if (!rows.some((raw) => rowOf(table, raw))) continue;
        const pages = strays.get(table.name);
        if (pages) pages.push(page);
        else strays.set(table.name, [page]);
      }
    }
    return strays;
  }
}

function treeOf({ trees }: PageMap, { name }: SalvageTable): Tree | undefined {
  return trees.find(({ table, isIndex }) => table === name && !isIndex);
}

/** Whether all trees of the map are whole and have rows of their tables. */
function fits(map: PageMap, pages: DatabasePages): boolean {
  if (map.gaps.length > 0) return false;
  return SALVAGE_TABLES.every((table) => {
    const tree = treeOf(map, table);
    if (!tree) return true;
    const isOfTable = (raw: RawRow): boolean => rowOf(table, raw) !== undefined;
    return [...map.pagesOf(tree)].every((page) => rowsOf(pages, page).rows.every(isOfTable));
  });
}

/** How many trees of the reference the map does not have as they are there. */
function missingIn(reference: readonly Root[], { trees }: PageMap): number {
  const known = new Set(trees.map(({ sql }) => sql));
  return reference.filter(({ sql }) => !known.has(sql)).length;
}

/** The version in the header of the database [SQLite file format, section 1.3.18]. */
function schemaVersion(pages: DatabasePages): number | undefined {
  return pages.read(1)?.readUInt32BE(60);
}

function referencePages(): DatabasePages {
  const db = referenceDatabase();
  const bytes = db.serialize();
  db.close();
  return pagesIn(bytes);
}
