import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type Connection, openFile, openReadOnly } from '../../store/database/sqlite.ts';
import { errorCode, isDamage } from '../../store/database/sqlite-errors.ts';
import { ChunkTable, SCHEMA, type ValueRow } from './chunk-table.ts';
import {
  type ArchivePoint,
  type Chunk,
  mergeSlots,
  PointBuilder,
  type Slots,
  type TimedPoints,
} from './points.ts';
import { chunkMs, startOf, TIERS } from './tiers.ts';

/** The database of the long histories, beside that of the store. */
export const archiveFile = (folder: string): string => join(folder, 'history.db');

/** Chunks that are deleted at once when the file is full. */
const DELETED_AT_ONCE = 256;
const VERSION = 1;
const PAGES_TO_FREE = 64;
/** A series has at least this share of the points that were asked for, where they are there. */
const LEAST_SHARE = 0.25;
const HOUR_MS = 3_600_000;

/** The seconds of one value in a minute. */
export interface Minute {
  readonly topic: string;
  /** How long it is kept, in milliseconds. */
  readonly keepMs: number;
  readonly seconds: Slots;
}

/** Points in the order of time; each covers `slotMs` from its time on. */
export interface ArchiveSeries {
  readonly slotMs: number;
  readonly points: TimedPoints;
}

/** What is asked of a value; `to` is not included. */
export interface Range {
  readonly topic: string;
  readonly from: number;
  readonly to: number;
  /** The most points of the answer; without `everyMs` the resolution follows from it. */
  readonly most: number;
  /** The time of a point. */
  readonly everyMs?: number | undefined;
}

/** Long histories in a SQLite file: chunks of seconds, minutes and hours. All times are milliseconds since the epoch. */
export class ArchiveFile {
  readonly #database: Connection;
  readonly #table: ChunkTable;

  private constructor(database: Connection) {
    this.#database = database;
    this.#table = new ChunkTable(database);
  }

  /**
   * Opens or creates the file; one that is damaged is set aside, and its new name is in `aside`. Throws SQLite's error
   * where the disk does not let it.
   */
  static open(file: string, now: number): { archive: ArchiveFile; aside?: string } {
    try {
      return { archive: ArchiveFile.#openSound(file) };
    } catch (error) {
      if (!isDamage(errorCode(error))) throw error;
      const aside = `${file}.damaged-${new Date(now).toISOString().replaceAll(':', '')}`;
      renameSync(file, aside);
      return { archive: ArchiveFile.#openSound(file), aside };
    }
  }

  static #openSound(file: string): ArchiveFile {
    const database = openFile(file);
    try {
      database.pragma('auto_vacuum = INCREMENTAL');
      database.pragma('journal_mode = WAL');
      // One commit a minute: it costs nothing to have it on disk.
      database.pragma('synchronous = FULL');
      database.pragma('journal_size_limit = 1048576');
      if ((database.pragma('user_version', { simple: true }) as number) > VERSION) {
        throw new Error(`${file} is of a newer version of cellgate: move it away, or install that`);
      }
      database.exec(`${SCHEMA} PRAGMA user_version = ${VERSION};`);
      // Reads the pages of the index: damage is found here and not while it is written.
      database.prepare('SELECT count(*) FROM chunk').get();
      return new ArchiveFile(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Opens a file that a gateway may be writing, for reading. Throws SQLite's error. */
  static openReadOnly(file: string): ArchiveFile {
    return new ArchiveFile(openReadOnly(file));
  }

  /** Adds the minute that begins at `start`, folds what is complete by then and deletes what is too old or too much. */
  append(start: number, minutes: readonly Minute[], mostBytes: number): void {
    this.#database.transaction(() => {
      const now = start + chunkMs(TIERS[0]!);
      const chunks = new Map<number, Map<number, Slots>>();
      for (const { topic, keepMs, seconds } of minutes) {
        const { id, part } = this.#table.valueOf(topic, keepMs, now);
        const chunk = chunks.get(part) ?? new Map<number, Slots>();
        chunks.set(part, chunk.set(id, seconds));
      }
      for (const [part, chunk] of chunks) this.#table.insert(0, part, start, chunk);
      for (const { part, keep } of this.#table.parts()) {
        this.#fold(1, part, now);
        this.#fold(2, part, now);
        this.#deleteOld(part, keep, now);
      }
      // Chunks without values are looked for seldom: that reads the whole index.
      if (startOf(start, HOUR_MS) === start) this.#table.deleteOldValues(now);
      this.#deleteAbove(mostBytes);
    })();
    this.#database.pragma(`incremental_vacuum(${PAGES_TO_FREE})`);
  }

  /** The topics that have a history, in their order. */
  topics(): string[] {
    return this.#table.topics();
  }

  /** The time of the oldest chunk of a topic; undefined where there is none. */
  oldest(topic: string): number | undefined {
    const starts = this.#table
      .valuesOf(topic)
      .flatMap(({ part }) => TIERS.flatMap((_, tier) => this.#table.oldest(tier, part) ?? []));
    return starts.length === 0 ? undefined : Math.min(...starts);
  }

  /**
   * The series of a value, from the tier that reaches back to the start of the range and reads least for the number of
   * points that were asked for; where it has more points than these, several are one.
   */
  read({ topic, from, to, most, everyMs }: Range): ArchiveSeries {
    const values = this.#table.valuesOf(topic);
    const tier =
      everyMs === undefined
        ? this.#tierFor(values, from, to, most)
        : TIERS.findLastIndex(({ slotMs }) => slotMs <= everyMs);
    const { slotMs } = TIERS[tier]!;
    const slots = everyMs === undefined ? (to - from) / slotMs / most : everyMs / slotMs;
    const stepMs = slotMs * Math.max(1, Math.ceil(slots));
    const all = values.flatMap((value) => [...this.#points(tier, value, from, to)]);
    return { slotMs: stepMs, points: mergeSlots(all, stepMs) };
  }

  /** Bytes of the file that are in use. */
  get bytes(): number {
    const pages = this.#pragma('page_count') - this.#pragma('freelist_count');
    return pages * this.#pragma('page_size');
  }

  close(): void {
    this.#database.close();
  }

  #tierFor(values: readonly ValueRow[], from: number, to: number, most: number): number {
    let oldest = Number.POSITIVE_INFINITY;
    // What is not folded yet is made of the tiers below: a tier reaches back at least as far as they do.
    const reaching = TIERS.map((_, tier) => {
      for (const { part } of values) {
        oldest = Math.min(oldest, this.#table.oldest(tier, part) ?? oldest);
      }
      return oldest;
    });
    const isThere = TIERS.map((_, tier) => reaching[tier]! <= Math.max(from, oldest));
    const found = TIERS.findLastIndex(
      ({ slotMs }, tier) => isThere[tier] && (to - from) / slotMs >= most * LEAST_SHARE,
    );
    return found === -1 ? Math.max(0, isThere.indexOf(true)) : found;
  }

  /** The points of a tier; those of its last hours, which are not folded yet, are made of the tier below. */
  *#points(
    tier: number,
    { id, part }: ValueRow,
    from: number,
    to: number,
  ): Iterable<readonly [time: number, point: ArchivePoint]> {
    const { slotMs } = TIERS[tier]!;
    const first = startOf(from, slotMs);
    for (const [start, chunk] of this.#table.chunks(tier, part, first, to)) {
      for (const [n, point] of (chunk.get(id) ?? []).entries()) {
        const time = start + n * slotMs;
        if (point && time >= first && time < to) yield [time, point];
      }
    }
    if (tier === 0) return;
    const until = Math.max(first, this.#table.foldedUntil(tier, part));
    if (until >= to) return;
    yield* mergeSlots(this.#points(tier - 1, { id, part }, until, to), slotMs);
  }

  /** Makes chunks of a tier of those of the tier below whose time is over. */
  #fold(tier: number, part: number, now: number): void {
    const lengthMs = chunkMs(TIERS[tier]!);
    for (;;) {
      const oldest = this.#table.oldest(tier - 1, part, this.#table.foldedUntil(tier, part));
      if (oldest === undefined) return;
      const start = startOf(oldest, lengthMs);
      if (start + lengthMs > now) return;
      this.#table.insert(tier, part, start, this.#folded(tier, part, start));
      this.#table.setFolded(tier, part, start + lengthMs);
    }
  }

  #folded(tier: number, part: number, start: number): Chunk {
    const [finer, coarser] = [TIERS[tier - 1]!, TIERS[tier]!];
    const builders = new Map<number, PointBuilder[]>();
    const end = start + chunkMs(coarser);
    for (const [begin, chunk] of this.#table.chunks(tier - 1, part, start, end)) {
      for (const [id, points] of chunk) {
        const own =
          builders.get(id) ?? Array.from({ length: coarser.slots }, () => new PointBuilder());
        builders.set(id, own);
        for (const [n, point] of points.entries()) {
          const at = begin + n * finer.slotMs - start;
          if (point) own[Math.floor(at / coarser.slotMs)]?.merge(point);
        }
      }
    }
    return new Map([...builders].map(([id, own]) => [id, own.map((one) => one.take())]));
  }

  /** A chunk that is not folded yet stays. */
  #deleteOld(part: number, keepMs: number, now: number): void {
    for (const [tier, each] of TIERS.entries()) {
      const before = now - Math.min(keepMs, each.keepMs) - chunkMs(each);
      const isLast = tier === TIERS.length - 1;
      const until = isLast ? before : Math.min(before, this.#table.foldedUntil(tier + 1, part));
      this.#table.deleteBefore(tier, part, until);
    }
  }

  /** The oldest chunks of the finest resolution go first. */
  #deleteAbove(mostBytes: number): void {
    for (const tier of TIERS.keys()) {
      while (this.bytes > mostBytes) {
        if (this.#table.deleteOldest(tier, DELETED_AT_ONCE) === 0) break;
      }
    }
  }

  #pragma(name: string): number {
    return this.#database.pragma(name, { simple: true }) as number;
  }
}
