import { isSlot } from '../database/recent-slots.ts';
import { decodeSegment, type StoredSegment } from '../database/segment.ts';
import { LAST_SESSION, NUMBER_BITS } from '../database/segment-table.ts';
import type { RawRow } from './page-rows.ts';

/** A row under its column names. */
export type Row = Record<string, unknown>;

/** A table as it is read from the pages of a damaged database, where each row must be recognised by its values. */
export interface SalvageTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** Whether its rows have a rowid; `key` is the column that is the rowid. */
  readonly rowid: boolean;
  readonly key?: string;
  /** Values of the last columns, for rows of older versions that do not have them. */
  readonly defaults?: readonly unknown[];
  /** Its only page: its rows look like those of an index. */
  readonly page?: number;
  /** Whether a row is of use whose last value is cut off. */
  readonly mayBeCut?: boolean;
  isValid(row: Row): boolean;
}

export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isKey = (value: unknown): value is number =>
  isWhole(value) && value > 0 && value <= LAST_SESSION;
const isSeq = (value: unknown): value is number =>
  isWhole(value) && value >= 0 && value < 2 ** NUMBER_BITS;
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && !value.includes('\0');
/** A client id; U+0000 is the first character of the gateway's own sessions. */
const isName = (value: unknown): value is string =>
  typeof value === 'string' && isText(value.replace('\0', ''));
const isTopic = (value: unknown): boolean => isText(value) && !/[#+]/.test(value);
const isQos = (value: unknown): boolean => value === 0 || value === 1 || value === 2;
/** Topic length, topic, payload. */
const isBody = (value: unknown): boolean =>
  Buffer.isBuffer(value) && value.length > 2 && 2 + value.readUInt16BE(0) <= value.length;

export const META: SalvageTable = {
  name: 'meta',
  columns: ['key', 'value'],
  rowid: false,
  // The first table of every version.
  page: 2,
  isValid: (row) => isText(row.key) && isWhole(row.value),
};
export const SESSION: SalvageTable = {
  name: 'session',
  columns: ['key', 'client_id', 'seen', 'sent', 'owner', 'expiry'],
  rowid: true,
  key: 'key',
  // NEVER: as long as the config says.
  defaults: ['', 4_294_967_295],
  isValid: (row) =>
    isKey(row.key) &&
    isName(row.client_id) &&
    isWhole(row.seen) &&
    isWhole(row.sent) &&
    typeof row.owner === 'string' &&
    isWhole(row.expiry),
};
/** The index of the table `session`: what is left of a session whose row is lost. */
export const SESSION_NAME: SalvageTable = {
  name: 'session',
  columns: ['client_id', 'key'],
  rowid: false,
  isValid: (row) => isKey(row.key) && isName(row.client_id),
};
export const SUBSCRIPTION: SalvageTable = {
  name: 'subscription',
  columns: ['session', 'filter', 'qos', 'options', 'identifier'],
  rowid: false,
  defaults: [0, 0],
  isValid: (row) =>
    isWhole(row.session) &&
    isText(row.filter) &&
    isQos(row.qos) &&
    isWhole(row.options) &&
    isWhole(row.identifier),
};
export const MESSAGE: SalvageTable = {
  name: 'message',
  columns: ['id', 'refs', 'body'],
  rowid: true,
  key: 'id',
  isValid: (row) => isWhole(row.id) && isWhole(row.refs) && isBody(row.body),
};
export const SEGMENT: SalvageTable = {
  name: 'segment',
  columns: ['id', 'session', 'first', 'span', 'count', 'bytes', 'at', 'form', 'body'],
  rowid: true,
  key: 'id',
  mayBeCut: true,
  isValid: (row) =>
    isKey(row.session) &&
    isSeq(row.first) &&
    isWhole(row.at) &&
    isWhole(row.form) &&
    row.form < 8 &&
    Buffer.isBuffer(row.body) &&
    decodeSegment(row as unknown as StoredSegment, row.first).entries.length > 0,
};
/** The table that versions 1 to 3 of the schema had instead of `segment`. */
export const QUEUE: SalvageTable = {
  name: 'queue',
  columns: ['session', 'seq', 'flags', 'at', 'size', 'message', 'body'],
  rowid: false,
  isValid: (row) =>
    isWhole(row.session) &&
    isSeq(row.seq) &&
    isWhole(row.at) &&
    isWhole(row.flags) &&
    row.flags < 32 &&
    ((row.flags & 3) === 1 || (row.flags & 3) === 2) &&
    (row.message === null ? isBody(row.body) : isWhole(row.message)),
};
export const INCOMING: SalvageTable = {
  name: 'incoming',
  columns: ['session', 'packet_id', 'digest'],
  rowid: false,
  defaults: [0],
  isValid: (row) =>
    isWhole(row.session) &&
    isWhole(row.packet_id) &&
    row.packet_id > 0 &&
    row.packet_id < 65_536 &&
    isWhole(row.digest),
};
export const RETAINED: SalvageTable = {
  name: 'retained',
  columns: ['topic', 'qos', 'payload', 'publisher', 'properties', 'expires'],
  rowid: true,
  defaults: ['', Buffer.alloc(0), 0],
  isValid: (row) =>
    isTopic(row.topic) &&
    isQos(row.qos) &&
    Buffer.isBuffer(row.payload) &&
    typeof row.publisher === 'string' &&
    Buffer.isBuffer(row.properties) &&
    isWhole(row.expires),
};
/** Batches of values of retained messages. */
export const RECENT: SalvageTable = {
  name: 'recent',
  columns: ['id', 'body'],
  rowid: true,
  key: 'id',
  isValid: (row) => isWhole(row.id) && isSlot(row.body),
};
export const WILL: SalvageTable = {
  name: 'will',
  columns: ['client_id', 'topic', 'qos', 'retain', 'payload'],
  rowid: true,
  isValid: (row) =>
    isName(row.client_id) && isTopic(row.topic) && isQos(row.qos) && Buffer.isBuffer(row.payload),
};
/** Wills of MQTT 5. */
export const DELAYED_WILL: SalvageTable = {
  name: 'delayed_will',
  columns: [...WILL.columns, 'properties', 'expiry', 'delay', 'due'],
  rowid: true,
  isValid: (row) =>
    WILL.isValid(row) &&
    Buffer.isBuffer(row.properties) &&
    isWhole(row.expiry) &&
    isWhole(row.delay) &&
    isWhole(row.due),
};
/** Messages that a plant has refused permanently. */
export const DEAD_LETTER: SalvageTable = {
  name: 'dead_letter',
  columns: ['id', 'uplink', 'at', 'reason', 'body'],
  rowid: true,
  key: 'id',
  isValid: (row) =>
    isWhole(row.id) &&
    isText(row.uplink) &&
    isWhole(row.at) &&
    typeof row.reason === 'string' &&
    isBody(row.body),
};
export const STATE: SalvageTable = {
  name: 'state',
  columns: ['owner', 'key', 'value'],
  rowid: false,
  isValid: (row) => isText(row.owner) && isText(row.key) && isJson(row.value),
};

function isJson(value: unknown): boolean {
  try {
    return typeof value === 'string' && JSON.parse(value) !== undefined;
  } catch {
    return false;
  }
}

/** Every table of every version. The rows of no two of them look alike. */
export const SALVAGE_TABLES: readonly SalvageTable[] = [
  META,
  SESSION,
  SUBSCRIPTION,
  MESSAGE,
  SEGMENT,
  QUEUE,
  INCOMING,
  RETAINED,
  RECENT,
  WILL,
  DELAYED_WILL,
  DEAD_LETTER,
  STATE,
];

/** A raw row under the table's column names; undefined if it can't belong to the table. */
export function rowOf(table: SalvageTable, { rowid, values, whole }: RawRow): Row | undefined {
  const { columns, key, defaults = [] } = table;
  const missing = columns.length - values.length;
  if (missing < 0 || missing > defaults.length || (rowid !== undefined) !== table.rowid) {
    return undefined;
  }
  if (!whole && !table.mayBeCut) return undefined;
  const all = [...values, ...defaults.slice(defaults.length - missing)];
  const row: Row = Object.fromEntries(columns.map((name, n) => [name, all[n]]));
  // A column that is the rowid itself is stored as null.
  if (key !== undefined) {
    if (row[key] !== null) return undefined;
    row[key] = rowid;
  }
  return table.isValid(row) ? row : undefined;
}
