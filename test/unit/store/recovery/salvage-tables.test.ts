import { describe, expect, test } from 'vitest';
import { encodeSegment } from '../../../../src/store/database/segment.ts';
import {
  type Row,
  rowOf,
  SALVAGE_TABLES,
  type SalvageTable,
  SESSION_NAME,
} from '../../../../src/store/recovery/salvage-tables.ts';
import { recentRows } from '../../../support/recent.ts';

const body = Buffer.from('\0\x01tpayload');
const segment = Buffer.from(
  encodeSegment([{ seq: 1, flags: 1, at: 0, shared: 0, length: body.length, body }], 1).body,
);

const slot = recentRows(['t'])[0]!;

/** The values that a column takes, those that it does not take, and how a row looks without any fault. */
interface Column {
  readonly takes: readonly unknown[];
  readonly refuses: readonly unknown[];
}
const whole: Column = { takes: [0, -5, 2 ** 50], refuses: [1.5, '1', null, 2 ** 60] };
const text: Column = { takes: ['a', 'ä b'], refuses: ['', 'a\0b', 5, null, Buffer.from('a')] };
const anyText: Column = { takes: ['', 'a'], refuses: [5, null] };
const name: Column = { takes: ['a', '\0own'], refuses: ['', '\0', '\0a\0', 7, null] };
const topic: Column = { takes: ['a/b', '$SYS'], refuses: ['', 'a/#', '+/a', 'a\0', 5] };
const qos: Column = { takes: [0, 1, 2], refuses: [3, -1, '1', null] };
const key: Column = { takes: [1, 1000], refuses: [0, -1, 1.5, 2 ** 45, 'a', null] };
const seq: Column = { takes: [0, 1, 1000], refuses: [-1, 0.5, 2 ** 52, null] };
const bytes: Column = { takes: [Buffer.alloc(0), Buffer.from('x')], refuses: ['x', null, 5] };
const message: Column = {
  takes: [body, Buffer.from('\0\x01t')],
  refuses: [Buffer.from('\0\x01'), Buffer.from('\0\0'), Buffer.from('\0\x05t'), 'text', null],
};
const json: Column = { takes: ['5', '{"a":[1]}', 'null'], refuses: ['', '{', 5, null] };

const TABLES: Readonly<Record<string, Readonly<Record<string, Column>>>> = {
  meta: { key: text, value: whole },
  session: { key, client_id: name, seen: whole, sent: whole, owner: anyText, expiry: whole },
  subscription: { session: whole, filter: text, qos, options: whole, identifier: whole },
  message: { id: whole, refs: whole, body: message },
  segment: {
    session: key,
    first: seq,
    at: whole,
    form: { takes: [0], refuses: [8, 9, 1.5, null] },
    body: { takes: [segment], refuses: [Buffer.alloc(0), 'text', null] },
  },
  queue: {
    session: whole,
    seq,
    flags: { takes: [1, 2, 29, 30], refuses: [0, 3, 4, 33, 1.5, null] },
    at: whole,
    message: { takes: [null], refuses: ['a', 1.5] },
    body: message,
  },
  incoming: {
    session: whole,
    packet_id: { takes: [1, 65_535], refuses: [0, -1, 65_536, 1.5, null] },
    digest: whole,
  },
  retained: {
    ...{ topic, qos, payload: bytes, publisher: anyText },
    ...{ properties: bytes, expires: whole },
  },
  recent: {
    id: whole,
    body: { takes: [slot], refuses: [body, 'text', null, Buffer.from([...slot, 0])] },
  },
  will: { client_id: name, topic, qos, payload: bytes },
  delayed_will: {
    ...{ client_id: name, topic, qos, payload: bytes, properties: bytes },
    ...{ expiry: whole, delay: whole, due: whole },
  },
  dead_letter: { id: whole, uplink: text, at: whole, reason: anyText, body: message },
  state: { owner: text, key: text, value: json },
};

const tableOf = (wanted: string): SalvageTable =>
  SALVAGE_TABLES.find((table) => table.name === wanted)!;

/** A row of which nothing is wrong. */
function soundRow(table: string): Row {
  const columns = Object.entries(TABLES[table]!).map(([column, { takes }]) => [column, takes[0]]);
  return { span: 0, count: 1, bytes: 1, size: 1, retain: 0, ...Object.fromEntries(columns) };
}

test('every table has its columns here', () => {
  expect(Object.keys(TABLES).toSorted()).toEqual(SALVAGE_TABLES.map((one) => one.name).toSorted());
});

describe.each(
  Object.entries(TABLES).flatMap(([table, columns]) =>
    Object.entries(columns).map(([column, values]) => ({ table, column, ...values })),
  ),
)('$table.$column', ({ table, column, takes, refuses }) => {
  const isValid = (value: unknown): boolean =>
    tableOf(table).isValid({ ...soundRow(table), [column]: value });

  test('takes what the gateway writes', () => {
    expect(takes.map(isValid)).toEqual(takes.map(() => true));
  });

  test('takes nothing else', () => {
    expect(refuses.map(isValid)).toEqual(refuses.map(() => false));
  });
});

test('an entry of the former queue has its body or the number of a shared one', () => {
  const isValid = (over: Row): boolean =>
    tableOf('queue').isValid({ ...soundRow('queue'), ...over });
  expect([isValid({ message: 7, body: null }), isValid({ message: null, body: null })]).toEqual([
    true,
    false,
  ]);
});

test('the name of a session in its index', () => {
  const valid = { key: 1, client_id: 'a' };
  const all = [valid, { ...valid, key: 0 }, { ...valid, client_id: '' }];
  expect(all.map((row) => SESSION_NAME.isValid(row))).toEqual([true, false, false]);
});

describe('a raw row', () => {
  const retained = tableOf('retained');
  const values = ['t', 1, Buffer.from('x'), 'c'];

  test('of an older version has the defaults of the columns that it lacks', () => {
    expect(rowOf(retained, { rowid: 1, values: values.slice(0, 3), whole: true })).toEqual({
      ...{ topic: 't', qos: 1, payload: Buffer.from('x'), publisher: '' },
      ...{ properties: Buffer.alloc(0), expires: 0 },
    });
    expect(rowOf(retained, { rowid: 1, values: values.slice(0, 2), whole: true })).toBeUndefined();
    expect(
      rowOf(retained, { rowid: 1, values: [...values, Buffer.alloc(0), 0, 0], whole: true }),
    ).toBeUndefined();
  });

  test('has a rowid where its table has one, and none elsewhere', () => {
    expect(rowOf(retained, { rowid: 1, values, whole: true })).toBeDefined();
    expect(rowOf(retained, { rowid: undefined, values, whole: true })).toBeUndefined();
    const state = ['o', 'k', '5'];
    expect(rowOf(tableOf('state'), { rowid: undefined, values: state, whole: true })).toBeDefined();
    expect(rowOf(tableOf('state'), { rowid: 1, values: state, whole: true })).toBeUndefined();
  });

  test('that is cut off is of use only as a segment', () => {
    expect(rowOf(retained, { rowid: 1, values, whole: false })).toBeUndefined();
    const cut = [null, 1, 1, 0, 1, 10, 0, 0, segment];
    expect(rowOf(tableOf('segment'), { rowid: 9, values: cut, whole: false })).toMatchObject({
      id: 9,
    });
  });

  test('has its number in place of the null of a column that is the rowid', () => {
    const letter = [null, 'plant', 1, 'refused', body];
    expect(rowOf(tableOf('dead_letter'), { rowid: 5, values: letter, whole: true })).toMatchObject({
      ...{ id: 5, uplink: 'plant' },
    });
    const stored = [5, ...letter.slice(1)];
    expect(
      rowOf(tableOf('dead_letter'), { rowid: 5, values: stored, whole: true }),
    ).toBeUndefined();
  });
});
