import { decodeSegment, type StoredSegment } from '../database/segment.ts';
import { LAST_SESSION, NUMBER_BITS } from '../database/segment-table.ts';

/** A row under its column names. */
export type Row = Record<string, unknown>;

/** A table as it is read from a damaged database. */
export interface SalvageTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** A column of whole numbers, in whose order the rows are stored; a table without such a column is read from both ends. */
  readonly key?: string;
  /** The key is the rowid, which is stored beside the row's values. */
  readonly rowid?: boolean;
  readonly order: readonly string[];
  /** Values of the last columns, for rows of older versions that do not have them. */
  readonly defaults?: readonly unknown[];
  /** Whether a row of this table can be recognised in a page of an unknown table. */
  readonly selfDescribing: boolean;
  isValid(row: Row): boolean;
}

export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
const isKey = (value: unknown): value is number =>
  isWhole(value) && value > 0 && value <= LAST_SESSION;
const isSeq = (value: unknown): value is number =>
  isWhole(value) && value >= 0 && value < 2 ** NUMBER_BITS;
const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length > 0 && !/[\0\ufffd]/.test(value);
const isTopic = (value: unknown): boolean => isText(value) && !/[#+]/.test(value as string);
const isQos = (value: unknown): boolean => value === 0 || value === 1 || value === 2;
/** Topic length, topic, payload. */
const isBody = (value: unknown): boolean =>
  Buffer.isBuffer(value) && value.length > 2 && 2 + value.readUInt16BE(0) <= value.length;

export const META: SalvageTable = {
  name: 'meta',
  columns: ['key', 'value'],
  order: ['key'],
  selfDescribing: false,
  isValid: (row) => isText(row.key) && isWhole(row.value),
};
export const SESSION: SalvageTable = {
  name: 'session',
  columns: ['key', 'client_id', 'seen', 'sent', 'owner'],
  key: 'key',
  rowid: true,
  order: ['key'],
  defaults: [''],
  selfDescribing: true,
  isValid: (row) =>
    isKey(row.key) &&
    isText(row.client_id) &&
    isWhole(row.seen) &&
    isWhole(row.sent) &&
    typeof row.owner === 'string',
};
export const SUBSCRIPTION: SalvageTable = {
  name: 'subscription',
  columns: ['session', 'filter', 'qos'],
  order: ['session', 'filter'],
  selfDescribing: true,
  isValid: (row) => isWhole(row.session) && isText(row.filter) && isQos(row.qos),
};
export const MESSAGE: SalvageTable = {
  name: 'message',
  columns: ['id', 'refs', 'body'],
  key: 'id',
  rowid: true,
  order: ['id'],
  selfDescribing: true,
  isValid: (row) => isWhole(row.id) && isBody(row.body),
};
export const SEGMENT: SalvageTable = {
  name: 'segment',
  columns: ['id', 'session', 'first', 'span', 'count', 'bytes', 'at', 'form', 'body'],
  key: 'id',
  rowid: true,
  order: ['id'],
  selfDescribing: true,
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
  key: 'seq',
  order: ['seq'],
  selfDescribing: true,
  isValid: (row) =>
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
  order: ['session', 'packet_id'],
  defaults: [0],
  selfDescribing: false,
  isValid: (row) => isWhole(row.session) && isWhole(row.packet_id) && isWhole(row.digest),
};
export const RETAINED: SalvageTable = {
  name: 'retained',
  columns: ['topic', 'qos', 'payload', 'publisher'],
  key: 'rowid',
  rowid: true,
  order: ['rowid'],
  defaults: [''],
  selfDescribing: true,
  isValid: (row) =>
    isTopic(row.topic) &&
    isQos(row.qos) &&
    Buffer.isBuffer(row.payload) &&
    typeof row.publisher === 'string',
};
export const WILL: SalvageTable = {
  name: 'will',
  columns: ['client_id', 'topic', 'qos', 'retain', 'payload'],
  key: 'rowid',
  rowid: true,
  order: ['rowid'],
  selfDescribing: true,
  isValid: (row) =>
    isText(row.client_id) && isTopic(row.topic) && isQos(row.qos) && Buffer.isBuffer(row.payload),
};
export const STATE: SalvageTable = {
  name: 'state',
  columns: ['owner', 'key', 'value'],
  order: ['owner', 'key'],
  selfDescribing: false,
  isValid: (row) => isText(row.owner) && isText(row.key) && isText(row.value),
};
