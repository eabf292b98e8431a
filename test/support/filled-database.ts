import { encodeExtras } from '../../src/queue/entry-extras.ts';
import { databaseFile } from '../../src/store/database/data-folder.ts';
import { openConnection } from '../../src/store/database/database.ts';
import { migrate } from '../../src/store/database/migrations.ts';
import { encodeSegment, HAS_EXTRAS, type SegmentEntry } from '../../src/store/database/segment.ts';
import { SegmentTable } from '../../src/store/database/segment-table.ts';
import type { Connection } from '../../src/store/database/sqlite.ts';
import type { Random } from './random.ts';
import { writeRecent } from './recent.ts';

/** Messages of the uplink, and of each of the three clients. */
export const OF_UPLINK = 6000;
export const OF_CLIENT = 5000;
/** Of the messages of the clients, how many are one message for all three. */
const SHARED = 1000;
const UPLINK = 1;
const CLIENTS = [2, 3, 4];
const IN_SEGMENT = 60;
/** As long as the config says. */
const NEVER = 4_294_967_295;
/** Properties of MQTT 5 with their length: payload format 1. */
const PROPERTIES = Buffer.from([2, 1, 1]);

/** Creates a database with something in every table; returns its file. */
export function fillDatabase(folder: string, random: Random): string {
  const file = databaseFile(folder);
  const db = openConnection(file);
  migrate(db);
  db.transaction(() => fill(db, random))();
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return file;
}

const textOf = (length: number, random: Random): string =>
  Array.from({ length }, () => random.between(0, 35).toString(36)).join('');

function bodyOf(topic: string, payload: string): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(Buffer.byteLength(topic));
  return Buffer.concat([head, Buffer.from(topic), Buffer.from(payload)]);
}

function fill(db: Connection, random: Random): void {
  const insert = (table: string, ...values: unknown[]): void => {
    const places = values.map(() => '?').join(', ');
    db.prepare(`INSERT INTO ${table} VALUES (${places})`).run(...values);
  };
  insert('meta', 'boot', 7);
  insert('meta', 'stopped', 0);
  insert('session', UPLINK, '\0uplink/plant/0/normal', 1000, 40, '', NEVER);
  for (const key of CLIENTS)
    insert('session', key, `client ${key} \ufffd`, 0, 3, `user ${key}`, 60);
  for (let key = 10; key < 110; key++)
    insert('session', key, `away ${key}`, 1000 + key, 0, '', key * 100);
  for (const key of CLIENTS) {
    for (let n = 0; n < 60; n++)
      insert('subscription', key, `line/${n}/${textOf(30, random)}`, n % 3, 4 * (n % 4), n % 5);
    for (let id = 1; id <= 300; id++) insert('incoming', key, id * 7, id * 1_000_003 - 2 ** 31);
  }
  for (let n = 0; n < 1500; n++) {
    const length = n % 50 === 0 ? 9000 : random.between(1, 300);
    insert(
      'retained',
      `r/${n}/\ufffd`,
      n % 3,
      Buffer.from(`${n} ${textOf(length, random)}`),
      `client ${n % 9}`,
      n % 4 === 0 ? PROPERTIES : Buffer.alloc(0),
      n % 4 === 0 ? 1e12 + n : 0,
    );
  }
  const changing = Array.from({ length: 300 }, (_, n) => `changing/${n}`);
  writeRecent(db, changing.slice(0, 100));
  writeRecent(db, changing);
  for (let n = 0; n < 200; n++) {
    insert('will', `client ${n}`, `will/${n}`, n % 3, n % 2, Buffer.from(textOf(100, random)));
  }
  for (let n = 0; n < 200; n++) {
    const payload = Buffer.from(textOf(100, random));
    const times = [n % 2 === 0 ? -1 : n, n % 30, n % 3 === 0 ? 0 : 1e12 + n];
    insert('delayed_will', `v5 ${n}`, `will/${n}`, n % 3, n % 2, payload, PROPERTIES, ...times);
  }
  for (let n = 1; n <= 800; n++) {
    const body = bodyOf(`refused/${n}`, textOf(random.between(1, 200), random));
    insert('dead_letter', n, `plant ${n % 2}`, 1000 + n, `reason ${n}`, body);
  }
  for (let n = 0; n < 1000; n++) {
    insert(
      'state',
      `sensor/${n % 10}`,
      `key ${n}`,
      JSON.stringify({ n, text: textOf(50, random) }),
    );
  }
  fillQueues(db, random);
}

function fillQueues(db: Connection, random: Random): void {
  const segments = new SegmentTable(db);
  const own = (seq: number): SegmentEntry => {
    const length = seq % 500 === 0 ? 6000 : random.between(20, 120);
    const body = bodyOf(`line/${seq % 7}`, `${seq} ${textOf(length, random)}`);
    const extras =
      seq % 3 === 0
        ? encodeExtras({
            expiry: seq * 1000,
            identifiers: [seq % 200],
            share: 0,
            repeated: false,
          })
        : undefined;
    const flags = 1 + (seq % 2) + (extras ? HAS_EXTRAS : 0);
    return { seq, flags, at: 1000 + seq, shared: 0, length: body.length, extras, body };
  };
  const queues = new Map<number, SegmentEntry[]>([
    [UPLINK, Array.from({ length: OF_UPLINK }, (_, n) => own(n + 1))],
  ]);
  const shared = Array.from({ length: SHARED }, (_, n): SegmentEntry => {
    const body = bodyOf('shared', `${n} ${textOf(100, random)}`);
    segments.hold(n + 1, CLIENTS.length, body);
    const entry = { flags: 1, at: 1000, shared: n + 1, length: body.length };
    return { ...entry, seq: OF_CLIENT - SHARED + n + 1, body: Buffer.alloc(0) };
  });
  for (const key of CLIENTS) {
    const first = Array.from({ length: OF_CLIENT - SHARED }, (_, n) => own(n + 1));
    queues.set(key, [...first, ...shared]);
  }
  // As commits make them: the queues grow together.
  for (let at = 0; at < OF_UPLINK; at += IN_SEGMENT) {
    for (const [key, entries] of queues) {
      const part = entries.slice(at, at + IN_SEGMENT);
      const first = part[0]?.seq;
      if (first === undefined) continue;
      segments.insert(key, first, encodeSegment(part, first), (at / IN_SEGMENT) % 2 === 0);
    }
  }
}
