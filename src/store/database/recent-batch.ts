import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { ByteReader, ByteWriter } from './byte-stream.ts';
import { readPayloads, writePayloads } from './payload-columns.ts';

/** A retained message as it is stored. */
export interface StoredRetained<Bytes extends Uint8Array = Uint8Array> {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly payload: Bytes;
  /** The client that has published it; '' for the gateway itself, and where an older version has stored it. */
  readonly publisher: string;
  /** With their length in front; empty for none. */
  readonly properties: Bytes;
  /** Milliseconds of the stored clock; 0 for no expiry. */
  readonly expires: number;
}

/** The latest of a topic: its message; or only that the table `retained` has the latest, which may be none. */
export type Recent<Bytes extends Uint8Array = Uint8Array> =
  | StoredRetained<Bytes>
  | { readonly topic: string; readonly payload: undefined };

/** No batch is larger when inflated: a damaged one must not exhaust the memory. */
const INFLATED_BYTES = 4 * 1024 * 1024;
/** Larger batches are deflated in less time. */
const LARGE_BYTES = 64 * 1024;

/** First byte of a batch. */
const PLAIN = 0;
const DEFLATED = 1;
/** Flags of a message beside its QoS. */
const IN_TABLE = 4;
const HAS_MORE = 8;

/**
 * Values of retained topics that were committed together, as one compressed blob: topics in order, each without what it
 * begins with like the one before; flags; publisher, properties and expiry of those that have any; payloads in columns.
 */
export function encodeBatch(values: readonly Recent[]): Buffer {
  const sorted = [...values].sort((a, b) => (a.topic < b.topic ? -1 : 1));
  const to = new ByteWriter();
  to.number(sorted.length);
  let before: Uint8Array = new Uint8Array(0);
  for (const { topic } of sorted) {
    const bytes = Buffer.from(topic);
    const same = sameBytes(before, bytes);
    to.number(same);
    to.blob(bytes.subarray(same));
    before = bytes;
  }
  for (const value of sorted) to.number(flagsOf(value));
  const payloads: Uint8Array[] = [];
  for (const value of sorted) {
    if (value.payload === undefined) continue;
    payloads.push(value.payload);
    if ((flagsOf(value) & HAS_MORE) === 0) continue;
    to.text(value.publisher);
    to.blob(value.properties);
    to.number(value.expires);
  }
  writePayloads(to, payloads);
  return packed(to.written);
}

function flagsOf(value: Recent): number {
  if (value.payload === undefined) return IN_TABLE;
  const { qos, publisher, properties, expires } = value;
  if (!(qos >= 0 && qos <= 2)) throw new TypeError(`a retained message can't have QoS ${qos}`);
  return qos | (publisher !== '' || properties.length > 0 || expires > 0 ? HAS_MORE : 0);
}

function sameBytes(a: Uint8Array, b: Uint8Array): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
}

function packed(bytes: Buffer): Buffer {
  const level = bytes.length > LARGE_BYTES ? constants.Z_BEST_SPEED : 6;
  const deflated = deflateRawSync(bytes, { level });
  return deflated.length < bytes.length
    ? Buffer.concat([Buffer.from([DEFLATED]), deflated])
    : Buffer.concat([Buffer.from([PLAIN]), bytes]);
}

/** The values of a batch. Throws where its bytes are not as `encodeBatch` made them. */
export function decodeBatch(batch: Buffer): Recent<Buffer>[] {
  const rest = batch.subarray(1);
  const inflate = { maxOutputLength: INFLATED_BYTES };
  const from = new ByteReader(batch[0] === DEFLATED ? inflateRawSync(rest, inflate) : rest);
  const count = from.number();
  const topics: string[] = [];
  let before = Buffer.alloc(0);
  for (let n = 0; n < count; n++) {
    before = Buffer.concat([before.subarray(0, from.number()), from.blob()]);
    topics.push(before.toString());
  }
  const flags = topics.map(() => from.number());
  const more = flags.map((flag) => {
    if ((flag & HAS_MORE) === 0) return { publisher: '', properties: EMPTY, expires: 0 };
    return { publisher: from.text(), properties: from.blob(), expires: from.number() };
  });
  const payloads = readPayloads(from).values();
  return topics.map((topic, n) => {
    if (flags[n]! & IN_TABLE) return { topic, payload: undefined };
    const payload = payloads.next().value;
    if (!payload) throw new RangeError('a payload is missing');
    return { topic, qos: (flags[n]! & 3) as 0 | 1 | 2, payload, ...more[n]! };
  });
}

const EMPTY = Buffer.alloc(0);
