import type { DatabasePages } from './database-pages.ts';
import { childrenOf, isOfTree, rowsOf } from './page-rows.ts';

/** The tree of a table or of an index in the schema. */
export interface Tree {
  /** The table, also where it is the tree of its index. */
  readonly table: string;
  readonly isIndex: boolean;
}

/** A place of a tree that can't be reached: of the rowids after `after`, up to `last`; undefined for no bound. */
export interface Gap {
  readonly tree: Tree;
  readonly after: bigint | undefined;
  readonly last: bigint | undefined;
}

/** Which page belongs to which tree, as far as the trees can be read. */
export interface PageMap {
  /** Empty where the schema can't be read. */
  readonly trees: readonly Root[];
  readonly gaps: readonly Gap[];
  pagesOf(tree: Tree): Iterable<number>;
  /** The pages that no tree leads to and that are not free: those under a damaged page are among them. */
  others(): readonly number[];
}

/** A tree with its first page. */
export interface Root extends Tree {
  readonly root: number;
  /** The statement that has created it; '' for an index that belongs to its table. */
  readonly sql: string;
}

/** `hasRowid` says of a table whether its rows have a rowid. */
export function mapPages(
  pages: DatabasePages,
  hasRowid: (table: string) => boolean,
  trees: readonly Root[] = readSchema(pages),
): PageMap {
  const owners = new Uint16Array(pages.count + 1);
  const gaps: Gap[] = [];
  const walk = (tree: Root, number: number): void => {
    const waiting = [
      { page: tree.root, after: undefined as Gap['after'], last: undefined as Gap['last'] },
    ];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const { page, last } = next;
      const bytes = owners[page] === 0 ? pages.read(page) : undefined;
      if (!bytes || !isOfTree(bytes, page, !tree.isIndex && hasRowid(tree.table))) {
        gaps.push({ tree, after: next.after, last });
        continue;
      }
      owners[page] = number;
      let { after } = next;
      for (const child of childrenOf(bytes, page)) {
        waiting.push({ page: child.page, after, last: child.last ?? last });
        after = child.last;
      }
    }
  };
  for (const [index, tree] of trees.entries()) walk(tree, index + 1);
  return {
    trees,
    gaps,
    *pagesOf(tree) {
      const number = trees.indexOf(tree as Root) + 1;
      for (let page = 2; page <= pages.count; page++) if (owners[page] === number) yield page;
    },
    others() {
      const free = freePages(pages, owners);
      const others: number[] = [];
      for (let page = 2; page <= pages.count; page++) {
        if (owners[page] === 0 && !free.has(page)) others.push(page);
      }
      return others;
    },
  };
}

/** The tables and indexes by the table `sqlite_schema`, whose root is the first page [SQLite file format, section 2.6]. */
export function readSchema(pages: DatabasePages): Root[] {
  const found: Root[] = [];
  const seen = new Set<number>();
  const waiting = [1];
  for (let page = waiting.pop(); page !== undefined; page = waiting.pop()) {
    const bytes = seen.has(page) ? undefined : pages.read(page);
    seen.add(page);
    if (!bytes || !isOfTree(bytes, page, true)) continue;
    for (const { page: child } of childrenOf(bytes, page)) waiting.push(child);
    for (const { values } of rowsOf(pages, page).rows) {
      const [type, , table, root, sql] = values;
      if ((type !== 'table' && type !== 'index') || typeof table !== 'string') continue;
      found.push({ table, isIndex: type === 'index', root: Number(root), sql: String(sql ?? '') });
    }
  }
  return found;
}

/**
 * Pages on the list of free ones [section 1.5]: their rows were deleted. The pages of the list are recognised by
 * their content, because the first page, or one of the list, may be the damaged one.
 */
function freePages(pages: DatabasePages, owners: Uint16Array): Set<number> {
  const free = new Set<number>();
  const isPage = (page: number): boolean => page > 1 && page <= pages.count && owners[page] === 0;
  for (let page = 2; page <= pages.count; page++) {
    const bytes = owners[page] === 0 ? pages.read(page) : undefined;
    if (!bytes) continue;
    const [next, count] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    if ((next !== 0 && !isPage(next)) || count > pages.pageSize / 4 - 2) continue;
    const leaves = Array.from({ length: count }, (_, n) => bytes.readUInt32BE(8 + n * 4));
    if (!leaves.every(isPage) || new Set(leaves).size < count) continue;
    free.add(page);
    for (const leaf of leaves) free.add(leaf);
  }
  return free;
}
