import {
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { createRandom } from './random.ts';

/** What the gateway was given before it ended. */
export const QUEUED = 300;
export const RETAINED = 50;
/** Messages that two sessions share. */
export const SHARED = 20;

/** One kind of damage to the database of a gateway that has ended, and what must be left of its data. */
export interface Damage {
  /** How the gateway has ended; `stopped` by default. */
  readonly template?: 'stopped' | 'killed';
  /** Damages the files of the database. */
  do(file: string): void;
  /** Whether the file must be set aside. */
  readonly aside: boolean;
  /** How many of the queued and of the retained messages must be there at least; exactly all for `all`. */
  readonly queued: number | 'all' | 'none';
  readonly retained: number | 'all' | 'none';
  /** What the next start must log. */
  readonly logged?: RegExp;
}

const PAGE = 4096;
/** Decides where the garbage is written. */
export const seed: number = Number(process.env.DAMAGE_SEED ?? Math.floor(Date.now() / 86_400_000));
const random = createRandom(seed);
const garbage = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.between(0, 255)));

function overwrite(file: string, at: number, bytes: Buffer): void {
  writeSync(openSync(file, 'r+'), bytes, 0, bytes.length, at);
}

/** Fills a page, from 1, with garbage. */
export function damagePage(file: string, page: number): void {
  overwrite(file, (page - 1) * PAGE, garbage(PAGE));
}

/** Changes the database without the gateway. */
export function sql(file: string, text: string): void {
  const db = new Database(file);
  db.exec(text);
  db.close();
}

const NOTHING = /nothing in it could be read: the gateway starts empty/;
const PARTLY = /what could be read is recovered, the rest is lost/;
const WHOLLY = /every row that is in it could be read and is recovered/;

export const DAMAGES: Record<string, Damage> = {
  'an empty file': {
    do: (file) => truncateSync(file, 0),
    aside: true,
    queued: 'none',
    retained: 'none',
    logged: NOTHING,
  },
  'a file of zeros': {
    do: (file) => writeFileSync(file, Buffer.alloc(statSync(file).size)),
    aside: true,
    queued: 0,
    retained: 0,
  },
  'a file cut off in the middle': {
    do: (file) => truncateSync(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE + 100),
    aside: true,
    queued: 50,
    retained: 0,
    logged: PARTLY,
  },
  'a header of garbage': {
    do: (file) => overwrite(file, 0, garbage(100)),
    aside: true,
    queued: 'all',
    retained: 'all',
    logged: WHOLLY,
  },
  'a first page of garbage': {
    do: (file) => overwrite(file, 0, garbage(PAGE)),
    aside: true,
    queued: 'all',
    retained: 'all',
    logged: WHOLLY,
  },
  'a page of garbage in the middle': {
    do: (file) => overwrite(file, Math.floor(statSync(file).size / 2 / PAGE) * PAGE, garbage(PAGE)),
    aside: true,
    queued: 250,
    retained: 30,
    logged: PARTLY,
  },
  'three pages of garbage anywhere': {
    do: (file) => {
      const pages = Math.floor(statSync(file).size / PAGE);
      for (let n = 0; n < 3; n++) {
        overwrite(file, random.between(1, pages - 1) * PAGE, garbage(PAGE));
      }
    },
    aside: true,
    queued: 0,
    retained: 0,
  },
  'a log cut off in the middle': {
    template: 'killed',
    do: (file) => truncateSync(`${file}-wal`, Math.floor(statSync(`${file}-wal`).size / 2)),
    aside: false,
    queued: 0,
    retained: 0,
  },
  'a log of garbage': {
    template: 'killed',
    do: (file) => writeFileSync(`${file}-wal`, garbage(20_000)),
    aside: true,
    queued: 0,
    retained: 0,
    logged: /write-ahead log/,
  },
  'a log whose end is garbage': {
    template: 'killed',
    do: (file) => overwrite(`${file}-wal`, statSync(`${file}-wal`).size - 9000, garbage(9000)),
    aside: false,
    queued: 250,
    retained: 'all',
  },
  'a page of garbage in the middle of the log': {
    template: 'killed',
    do: (file) => {
      const frames = Math.floor((statSync(`${file}-wal`).size - 32) / (PAGE + 24));
      overwrite(`${file}-wal`, 32 + Math.floor(frames / 2) * (PAGE + 24) + 24, garbage(PAGE));
    },
    aside: true,
    queued: 200,
    retained: 30,
    logged: /a frame of its write-ahead log is damaged/,
  },
  'a shared-memory file of garbage': {
    template: 'killed',
    do: (file) => writeFileSync(`${file}-shm`, garbage(32_768)),
    aside: false,
    queued: 'all',
    retained: 'all',
  },
  'a folder in its place': {
    do: (file) => {
      rmSync(file);
      mkdirSync(file);
    },
    aside: true,
    queued: 'none',
    retained: 'none',
    logged: NOTHING,
  },
  'a text in its place': {
    do: (file) => writeFileSync(file, 'Dear colleague,\n'.repeat(2000)),
    aside: true,
    queued: 0,
    retained: 0,
  },
  'version 0 and tables missing': {
    do: (file) => sql(file, 'PRAGMA user_version = 0; DROP TABLE will; DROP TABLE meta'),
    aside: true,
    queued: 'all',
    retained: 'all',
  },
  'a table missing': {
    do: (file) => sql(file, 'DROP TABLE subscription'),
    aside: true,
    queued: 'all',
    retained: 'all',
  },
  'another table under a known name': {
    do: (file) => sql(file, 'DROP TABLE retained; CREATE TABLE retained (what TEXT)'),
    aside: true,
    queued: 'all',
    retained: 'none',
    logged: PARTLY,
  },
  'a queue row without its shared body': {
    do: (file) => sql(file, 'DELETE FROM message WHERE id = (SELECT min(id) FROM message)'),
    aside: false,
    queued: QUEUED + SHARED - 1,
    retained: 'all',
    logged: /without a session or a body were removed/,
  },
  'rows of no session': {
    do: (file) =>
      sql(
        file,
        `INSERT INTO segment SELECT (999 << 40) + first, 999, first, span, count, bytes, at, form, body
           FROM segment WHERE session = 1;
         INSERT INTO subscription VALUES (999, 'q/#', 1, 0, 0); INSERT INTO incoming VALUES (999, 1, 0)`,
      ),
    aside: false,
    queued: 'all',
    retained: 'all',
    logged: /without a session or a body were removed/,
  },
  'queue rows whose body makes no sense': {
    do: (file) =>
      sql(file, `UPDATE segment SET form = 0, body = x'ff' WHERE first BETWEEN 1 AND 100`),
    aside: false,
    queued: QUEUED + SHARED - 100,
    retained: 'all',
  },
};
