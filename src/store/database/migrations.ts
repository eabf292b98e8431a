import { moveIntoSegments } from './legacy-queue.ts';
import { type Connection, openMemory } from './sqlite.ts';

/**
 * The schema, one step per version. A released step is never changed; a change of the schema is an additional step.
 * A queue entry carries its message's body (topic length, topic, payload) unless several sessions
 * share it: then `message` has the body once, with the number of entries that refer to it.
 */
const MIGRATIONS: readonly (string | ((db: Connection) => void))[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE session (
    key INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, seen INTEGER NOT NULL, sent INTEGER NOT NULL);
  CREATE TABLE subscription (
    session INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
    PRIMARY KEY (session, filter)) WITHOUT ROWID;
  CREATE TABLE message (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE queue (
    session INTEGER NOT NULL, seq INTEGER NOT NULL, flags INTEGER NOT NULL, at INTEGER NOT NULL,
    size INTEGER NOT NULL, message INTEGER, body BLOB,
    PRIMARY KEY (session, seq)) WITHOUT ROWID;
  CREATE TABLE incoming (
    session INTEGER NOT NULL, packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)) WITHOUT ROWID;
  CREATE TABLE retained (topic TEXT PRIMARY KEY, qos INTEGER NOT NULL, payload BLOB NOT NULL);
  CREATE TABLE will (
    client_id TEXT PRIMARY KEY, topic TEXT NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL,
    payload BLOB NOT NULL);
  `,
  `
  CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY, uplink TEXT NOT NULL, at INTEGER NOT NULL, reason TEXT NOT NULL,
    body BLOB NOT NULL);
  -- What a plant refuses permanently is kept for the operator: the latest ten thousand messages.
  CREATE TRIGGER dead_letter_bound AFTER INSERT ON dead_letter
  BEGIN DELETE FROM dead_letter WHERE id <= new.id - 10000; END;
  `,
  `
  -- Values that sensors keep, for example the total of a pulse counter; they are JSON.
  CREATE TABLE state (
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (owner, key)) WITHOUT ROWID;
  -- The user to whom the session belongs: no other user may take it over.
  ALTER TABLE session ADD COLUMN owner TEXT NOT NULL DEFAULT '';
  `,
  (db) => {
    // The rowid consists of session and first number: the rows of a queue are adjacent and in order.
    db.exec(`
      CREATE TABLE segment (
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL, first INTEGER NOT NULL, span INTEGER NOT NULL,
        count INTEGER NOT NULL, bytes INTEGER NOT NULL, at INTEGER NOT NULL, form INTEGER NOT NULL,
        body BLOB NOT NULL);
    `);
    moveIntoSegments(db);
    db.exec('DROP TABLE queue');
  },
  `
  -- Topic and payload of the message, in 32 bits: another message under the same identifier is no repetition. 0: unknown.
  ALTER TABLE incoming ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- The client that has published the message, of whose share it is a part; '' for the gateway itself.
  ALTER TABLE retained ADD COLUMN publisher TEXT NOT NULL DEFAULT '';
  `,
  `
  -- MQTT 5. Seconds that a session outlives its connection: by default as long as the config says.
  ALTER TABLE session ADD COLUMN expiry INTEGER NOT NULL DEFAULT 4294967295;
  -- No Local and Retain As Published, as bits, and the subscription identifier; 0 for none.
  ALTER TABLE subscription ADD COLUMN options INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE subscription ADD COLUMN identifier INTEGER NOT NULL DEFAULT 0;
  -- Properties with their length, as in a PUBLISH; time of the stored clock when it expires, 0 for never.
  ALTER TABLE retained ADD COLUMN properties BLOB NOT NULL DEFAULT x'';
  ALTER TABLE retained ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
  -- Wills of MQTT 5. expiry and delay in seconds, expiry -1 for none; due is a time of the stored clock, 0 while the
  -- client is connected.
  CREATE TABLE delayed_will (
    client_id TEXT PRIMARY KEY, topic TEXT NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL,
    payload BLOB NOT NULL, properties BLOB NOT NULL, expiry INTEGER NOT NULL, delay INTEGER NOT NULL,
    due INTEGER NOT NULL);
  `,
  `
  -- Batches of retained values of topics that change often; where a topic is in a batch, its row in retained is older.
  CREATE TABLE recent (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
  `,
];

/** The version of the schema that this program writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** Brings an older database to this version, each step in its own transaction; an empty one in a single commit. */
export function migrate(db: Connection): void {
  if (versionOf(db) === 0) db.transaction(() => takeSteps(db))();
  else takeSteps(db);
}

function takeSteps(db: Connection): void {
  for (let step = versionOf(db); step < SCHEMA_VERSION; step++) {
    db.transaction(() => {
      const migration = MIGRATIONS[step]!;
      if (typeof migration === 'string') db.exec(migration);
      else migration(db);
      db.pragma(`user_version = ${step + 1}`);
    })();
  }
}

/** Whether the database has this version's tables. */
export function isCurrent(db: Connection): boolean {
  return versionOf(db) === SCHEMA_VERSION;
}

/** The version of the database's schema; 0 for an empty database. */
export function versionOf(db: Connection): number {
  return db.pragma('user_version', { simple: true }) as number;
}

/** An empty database of this version, in memory. */
export function referenceDatabase(): Connection {
  const db = openMemory();
  migrate(db);
  return db;
}
