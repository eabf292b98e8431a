import { entryFlags, type Message, type QueueEntry, WRITING } from './queue-entry.ts';

/** One statement of the writer's table and its arguments. */
export type Operation =
  | ['openSession', key: number, clientId: string, seen: number]
  | ['endSession', key: number]
  | ['sessionSeen', seen: number, key: number]
  | ['sessionOwner', owner: string, key: number]
  | ['sessionSent', sent: number, key: number]
  | ['subscribe', key: number, filter: string, qos: number]
  | ['unsubscribe', key: number, filter: string]
  | ['incoming', key: number, packetId: number]
  | ['incomingDone', key: number, packetId: number]
  | ['released', key: number, seq: number]
  | ['unreleased', key: number]
  | ['retain', topic: string, qos: number, payload: Uint8Array]
  | ['unretain', topic: string]
  | ['putWill', clientId: string, topic: string, qos: number, retain: number, payload: Uint8Array]
  | ['deleteWill', clientId: string]
  | ['deadLetter', uplink: string, at: number, reason: string, body: Uint8Array]
  | ['setState', owner: string, key: string, value: string]
  | ['setMeta', key: string, value: number];

/** Numbers a queue row takes in `rows`: session, seq, flags, at, shared message (0 for none), offset, length. */
export const ROW = 7;
/** Numbers a shared body takes in `shared`: id, new holders, offset, length. */
export const SHARED = 4;
/** Numbers a range takes in `deletes`: session, first seq, last seq. */
export const RANGE = 3;

/** What one commit writes; the arrays cross to the writer thread without being copied. */
export interface Batch {
  readonly operations: Operation[];
  readonly bodies: Uint8Array<ArrayBuffer>;
  readonly rows: Float64Array<ArrayBuffer>;
  readonly shared: Float64Array<ArrayBuffer>;
  readonly deletes: Float64Array<ArrayBuffer>;
}

/** Packs what the journal has gathered; marks the entries as being written. */
export function packBatch(
  operations: Operation[],
  entries: readonly QueueEntry[],
  deletes: readonly number[],
  nextMessageId: () => number,
): Batch {
  const shares = new Map<Message, { holders: number; offset: number }>();
  let bytes = 0;
  for (const { message } of entries) {
    if (message.holders > 1) {
      const share = shares.get(message);
      if (share) {
        share.holders++;
        continue;
      }
      shares.set(message, { holders: 1, offset: 0 });
      if (message.id === 0) message.id = nextMessageId();
    }
    bytes += message.body.length;
  }

  const bodies = new Uint8Array(bytes);
  const rows = new Float64Array(entries.length * ROW);
  const shared = new Float64Array(shares.size * SHARED);
  let offset = 0;
  let at = 0;
  for (const [message, share] of shares) {
    shared[at++] = message.id;
    shared[at++] = share.holders;
    shared[at++] = offset;
    shared[at++] = message.body.length;
    bodies.set(message.body, offset);
    offset += message.body.length;
  }
  at = 0;
  for (const entry of entries) {
    const { message } = entry;
    const inline = message.holders <= 1;
    rows[at++] = entry.owner!.key;
    rows[at++] = entry.seq;
    rows[at++] = entryFlags(entry);
    rows[at++] = entry.at;
    rows[at++] = inline ? 0 : message.id;
    rows[at++] = offset;
    rows[at++] = message.body.length;
    if (inline) {
      bodies.set(message.body, offset);
      offset += message.body.length;
    }
    entry.written = WRITING;
  }
  return { operations, bodies, rows, shared, deletes: Float64Array.from(deletes) };
}
