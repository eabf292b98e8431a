import type { DeadLetters } from '../database/dead-letters.ts';
import type { StoredRetained } from '../database/recent-batch.ts';
import type { RecentValues } from '../database/recent-values.ts';
import type { SegmentEdits } from '../database/segment-edits.ts';
import type { Connection, Statement } from '../database/sqlite.ts';
import type { Operation } from './batch.ts';

/** Applies the operations of a commit. */
export interface Operations {
  apply(operation: Operation): void;
}

/** Operations that are more than one statement. */
interface EditOperations {
  endSession(key: number): void;
  released(key: number, seq: number): void;
  unreleased(key: number): void;
  retain(value: StoredRetained): void;
  unretain(topic: string): void;
  dropEntries(key: number, first: number, last: number): void;
  deadLetter(uplink: string, at: number, reason: string, body: Uint8Array): void;
  dropDeadLetters(uplink: string): void;
  expireDeadLetters(now: number): void;
}

/** Prepares the statements of all operations. */
export function prepareOperations(
  db: Connection,
  edits: SegmentEdits,
  deadLetters: DeadLetters,
  recent: RecentValues,
): Operations {
  const sql = (text: string): Statement => db.prepare(text);
  const endSession = [
    sql('DELETE FROM subscription WHERE session = ?'),
    sql('DELETE FROM incoming WHERE session = ?'),
    sql('DELETE FROM session WHERE key = ?'),
  ];
  const statements = statementsOf(sql);
  const editOperations: EditOperations = {
    deadLetter: (...letter) => deadLetters.add(...letter),
    dropDeadLetters: (uplink) => deadLetters.drop(uplink),
    expireDeadLetters: (now) => deadLetters.expire(now),
    endSession(key) {
      edits.dropSession(key);
      for (const statement of endSession) statement.run(key);
    },
    released: (key, seq) => edits.released(key, seq),
    unreleased: (key) => edits.unreleased(key),
    retain: (value) => recent.retain(value),
    unretain: (topic) => recent.unretain(topic),
    dropEntries: (...run) => edits.drop(...run),
  };
  return {
    apply(operation) {
      const [name, ...values] = operation;
      switch (name) {
        case 'deadLetter':
          editOperations.deadLetter(operation[1], operation[2], operation[3], operation[4]);
          return;
        case 'dropDeadLetters':
          editOperations[name](operation[1]);
          return;
        case 'expireDeadLetters':
          editOperations[name](operation[1]);
          return;
        case 'endSession':
        case 'unreleased':
          editOperations[name](operation[1]);
          return;
        case 'retain': {
          const [, topic, qos, payload, publisher, properties, expires] = operation;
          const value = { topic, qos: qos as 0 | 1 | 2, payload, publisher, properties, expires };
          editOperations.retain(value);
          return;
        }
        case 'unretain':
          editOperations.unretain(operation[1]);
          return;
        case 'released':
          editOperations[name](operation[1], operation[2]);
          return;
        case 'dropEntries':
          editOperations[name](operation[1], operation[2], operation[3]);
          return;
        default:
          statements[name].run(...values);
      }
    },
  };
}

type Statements = Readonly<Record<Exclude<Operation[0], keyof EditOperations>, Statement>>;

/** The operations that are one statement each. */
function statementsOf(sql: (text: string) => Statement): Statements {
  return {
    openSession: sql(
      'INSERT OR REPLACE INTO session (key, client_id, seen, sent, expiry) VALUES (?, ?, ?, 0, ?)',
    ),
    sessionSeen: sql('UPDATE session SET seen = ? WHERE key = ?'),
    sessionExpiry: sql('UPDATE session SET expiry = ? WHERE key = ?'),
    sessionOwner: sql('UPDATE session SET owner = ? WHERE key = ?'),
    sessionSent: sql('UPDATE session SET sent = ? WHERE key = ?'),
    subscribe: sql(
      `INSERT OR REPLACE INTO subscription (session, filter, qos, options, identifier)
       VALUES (?, ?, ?, ?, ?)`,
    ),
    unsubscribe: sql('DELETE FROM subscription WHERE session = ? AND filter = ?'),
    incoming: sql('INSERT OR REPLACE INTO incoming (session, packet_id, digest) VALUES (?, ?, ?)'),
    incomingDone: sql('DELETE FROM incoming WHERE session = ? AND packet_id = ?'),
    putWill: sql(
      'INSERT OR REPLACE INTO will (client_id, topic, qos, retain, payload) VALUES (?, ?, ?, ?, ?)',
    ),
    deleteWill: sql('DELETE FROM will WHERE client_id = ?'),
    putDelayedWill: sql(
      `INSERT OR REPLACE INTO delayed_will
         (client_id, topic, qos, retain, payload, properties, expiry, delay, due)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    delayedWillDue: sql('UPDATE delayed_will SET due = ? WHERE client_id = ?'),
    deleteDelayedWill: sql('DELETE FROM delayed_will WHERE client_id = ?'),
    setState: sql('INSERT OR REPLACE INTO state (owner, key, value) VALUES (?, ?, ?)'),
    setMeta: sql('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)'),
  };
}
