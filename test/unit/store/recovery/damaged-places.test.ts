import { copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeSegment } from '../../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../../src/store/database/segment-table.ts';
import { type Connection, openReadOnly } from '../../../../src/store/database/sqlite.ts';
import { openSound } from '../../../../src/store/recovery/repair.ts';
import { RetainedSnapshot } from '../../../../src/store/recovery/retained-snapshot.ts';
import { fillDatabase, OF_CLIENT, OF_UPLINK } from '../../../support/filled-database.ts';
import { createQuietLog } from '../../../support/quiet-log.ts';
import { createRandom } from '../../../support/random.ts';

const PAGE = 4096;
const PLACES = 20;
const seed = Number(process.env.DAMAGE_SEED ?? Math.floor(Date.now() / 86_400_000));
const random = createRandom(seed);

const folder = mkdtempSync(join(tmpdir(), 'cellgate-places-'));
afterAll(() => rmSync(folder, { recursive: true }));
const sound = fillDatabase(folder, random);

/** A page, as SQLite itself describes it. */
interface Page {
  readonly name: string;
  readonly path: string;
  readonly pageno: number;
  readonly pagetype: 'leaf' | 'internal' | 'overflow';
  readonly ncell: number;
}

/** Everything in a database: the rows of each table, and the entries of each segment. */
interface Contents {
  /** JSON of the rows, by table; without the rowid where a copy may give another. */
  readonly rows: ReadonlyMap<string, ReadonlySet<string>>;
  /** JSON of the entries, by `session first`. */
  readonly segments: ReadonlyMap<string, readonly string[]>;
  readonly entries: ReadonlySet<string>;
  /** Topics with a retained message, in a row or in a batch. */
  readonly topics: ReadonlySet<string>;
}

const TABLES: Readonly<Record<string, string>> = {
  session: 'SELECT key, client_id, seen, sent, owner, expiry FROM session',
  subscription: 'SELECT * FROM subscription',
  incoming: 'SELECT * FROM incoming',
  retained: 'SELECT topic, qos, hex(payload), publisher, hex(properties), expires FROM retained',
  will: 'SELECT client_id, topic, qos, retain, hex(payload) FROM will',
  delayed_will: `SELECT client_id, topic, qos, retain, hex(payload), hex(properties), expiry, delay, due
    FROM delayed_will`,
  dead_letter: 'SELECT id, uplink, at, reason, hex(body) FROM dead_letter',
  state: `SELECT * FROM state WHERE owner <> '$store'`,
};

function contentsOf(db: Connection, file: string): Contents {
  const rows = new Map<string, Set<string>>();
  for (const [name, sql] of Object.entries(TABLES)) {
    rows.set(
      name,
      new Set(
        db
          .prepare(sql)
          .raw()
          .all()
          .map((row) => JSON.stringify(row)),
      ),
    );
  }
  const table = new SegmentTable(db);
  const segments = new Map<string, string[]>();
  const entries = new Set<string>();
  for (const row of db.prepare('SELECT session, first, at, form, body FROM segment').iterate()) {
    const { session, first, at, form, body } = row as Record<string, number> & { body: Buffer };
    const texts = decodeSegment({ at: at!, form: form!, body }, first!).entries.map((entry) => {
      const whole = entry.shared > 0 ? table.sharedBody(entry.shared)! : Buffer.from(entry.body);
      const text = JSON.stringify([
        session,
        entry.seq,
        entry.flags & 3,
        entry.at,
        Buffer.from(entry.extras ?? []).toString('hex'),
        whole.toString('hex'),
      ]);
      entries.add(text);
      return text;
    });
    segments.set(`${session} ${first}`, texts);
  }
  const topics = new Set<string>();
  const snapshot = new RetainedSnapshot(openReadOnly(file));
  for (let part = snapshot.take(100); part; part = snapshot.take(100)) {
    for (const { topic } of part) topics.add(topic);
  }
  return { rows, segments, entries, topics };
}

const before = openReadOnly(sound);
const whole = contentsOf(before, sound);
const pages = before
  .prepare('SELECT name, path, pageno, pagetype, ncell FROM dbstat WHERE pageno > 1')
  .all() as Page[];
before.close();

/** One page of each kind that there is, then any others. */
function choosePlaces(): Page[] {
  const kinds = new Map<string, Page[]>();
  for (const page of pages) {
    const kind = `${page.name} ${page.pagetype}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), page]);
  }
  const chosen = [...kinds.values()].map((group) => random.pick(group));
  while (chosen.length < PLACES) chosen.push(random.pick(pages));
  return chosen;
}

/** How many rows of each table the page has, whole or in part. */
function rowsOn({ name, pagetype, ncell }: Page): { table: string; rows: number } {
  if (pagetype === 'overflow') return { table: name, rows: 1 };
  const isRowTree = ['subscription', 'incoming', 'state', 'meta'].includes(name);
  const hasRows = pagetype === 'leaf' ? !name.startsWith('sqlite_') : isRowTree;
  return { table: name, rows: hasRows ? ncell : 0 };
}

const missingIn = (all: ReadonlySet<string>, found: ReadonlySet<string>): string[] =>
  [...all].filter((one) => !found.has(one));

describe(`one damaged page (seed ${seed})`, () => {
  test.each(
    choosePlaces().map(
      (page, n) => [`${n + 1}: page ${page.pageno}, ${page.name} ${page.pagetype}`, page] as const,
    ),
  )(
    '%s',
    (_name, page) => {
      const place = join(folder, `place-${page.pageno}-${random.between(0, 1e9)}`);
      mkdirSync(place);
      const file = join(place, 'cellgate.db');
      copyFileSync(sound, file);
      const garbage = Buffer.from(Array.from({ length: PAGE }, () => random.between(0, 255)));
      writeSync(openSync(file, 'r+'), garbage, 0, PAGE, (page.pageno - 1) * PAGE);
      const { log, records } = createQuietLog();
      const db = openSound(file, log);
      const found = contentsOf(db, file);
      const told = db.prepare(`SELECT value FROM state WHERE owner = '$store'`).pluck().all();
      db.close();

      const { table, rows } = rowsOn(page);
      let lostRows = 0;
      for (const [name, all] of whole.rows) {
        const missing = missingIn(all, found.rows.get(name)!);
        // The name of a session is in an index too: its queue is not lost with its row.
        const may = name === table && name !== 'session' ? rows : 0;
        const names = name === 'session' ? [] : missing;
        expect(names.length, `rows of ${name}`).toBeLessThanOrEqual(may);
        // A row of a topic whose value is in a batch is not needed.
        const lostNames = name === 'retained' ? missingIn(whole.topics, found.topics) : names;
        lostRows += lostNames.length;
        const invented = missingIn(found.rows.get(name)!, all);
        if (name !== 'session') expect(invented, `rows of ${name} that were not there`).toEqual([]);
        else expect(found.rows.get(name)!.size).toBe(all.size);
      }
      const missing = new Set(missingIn(whole.entries, found.entries));
      expect(missingIn(found.entries, whole.entries), 'entries that were not there').toEqual([]);
      if (table === 'message') expect(missing.size).toBeLessThanOrEqual(rows * 3);
      else if (table === 'segment') {
        const hit = [...whole.segments.values()].filter((texts) =>
          texts.some((text) => missing.has(text)),
        );
        expect(hit.length, 'segments with a lost entry').toBeLessThanOrEqual(rows);
        // What is before the damaged page of a long row is whole.
        if (page.pagetype === 'overflow')
          expect(hit.every((texts) => !missing.has(texts[0]!))).toBe(true);
      } else expect(missing.size).toBe(0);

      const record = records.find(({ msg }) => msg.includes('was damaged and is set aside'))!;
      const counted = (name: string): number => found.rows.get(name)!.size;
      expect(record).toMatchObject({
        sessions: counted('session'),
        subscriptions: counted('subscription'),
        incoming: counted('incoming'),
        queued: found.entries.size,
        retained: found.topics.size,
        wills: counted('will') + counted('delayed_will'),
        refused: counted('dead_letter'),
        states: counted('state'),
      });
      // Of a table with another key nothing tells how much it was.
      const isCounted = ['retained', 'will', 'delayed_will', 'dead_letter'].includes(table);
      const lost = missing.size + (isCounted ? lostRows : 0);
      expect(record.lost, 'never more than there were').toBeLessThanOrEqual(lost);
      if (lost > 0) expect(record.lost, 'what is lost is counted').toBeGreaterThan(0);
      expect(found.entries.size).toBe(OF_UPLINK + 3 * OF_CLIENT - missing.size);
      if (missing.size > 0 || lostRows > 0) expect(told).toHaveLength(1);
    },
    20_000,
  );
});
