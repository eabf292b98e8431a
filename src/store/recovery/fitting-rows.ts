import { LAST_SESSION, NUMBER_BITS } from '../database/segment-table.ts';

/** A table, and the condition in SQL that its rows must meet to be loaded. */
export interface FittingRows {
  readonly table: string;
  readonly fits: string;
  /** What a value becomes that does not fit, where the rest of its row is of use. */
  readonly repairs?: readonly { readonly column: string; readonly fits: string; to: string }[];
}

const SAFE = Number.MAX_SAFE_INTEGER;
const LONGEST_TEXT = 65_535;
const NEVER = 4_294_967_295;
/** Numbers that are counted up from what is stored stay exact for as long as the gateway runs. */
const COUNTED = 2 ** 52;

const whole = (column: string, low: number, high: number): string =>
  `typeof(${column}) = 'integer' AND ${column} BETWEEN ${low} AND ${high}`;
const text = (column: string, low = 1, high = LONGEST_TEXT): string =>
  `typeof(${column}) = 'text' AND length(CAST(${column} AS BLOB)) BETWEEN ${low} AND ${high}`;
const blob = (column: string): string => `typeof(${column}) = 'blob'`;
const topic = (column: string): string =>
  `${text(column)} AND instr(${column}, '#') = 0 AND instr(${column}, '+') = 0 AND instr(${column}, char(0)) = 0`;
const all = (...conditions: string[]): string => conditions.join(' AND ');
const ofSession = 'session IN (SELECT key FROM session)';

const WILL = all(
  text('client_id'),
  topic('topic'),
  whole('qos', 0, 2),
  whole('retain', 0, 1),
  blob('payload'),
);

/** Every table of this version; those that others refer to first. */
export const FITTING_ROWS: readonly FittingRows[] = [
  { table: 'meta', fits: all(text('key'), whole('value', 0, COUNTED)) },
  {
    table: 'session',
    // The names of the gateway's own queues contain a filter.
    fits: all(whole('key', 1, LAST_SESSION), text('client_id', 1, 2 * LONGEST_TEXT)),
    repairs: [
      { column: 'seen', fits: whole('seen', -SAFE, SAFE), to: '0' },
      {
        column: 'sent',
        fits: whole('sent', 0, 2 ** NUMBER_BITS - 1),
        to: '0',
      },
      { column: 'owner', fits: text('owner', 0), to: `''` },
      { column: 'expiry', fits: whole('expiry', 0, NEVER), to: `${NEVER}` },
    ],
  },
  {
    table: 'subscription',
    fits: all(
      ofSession,
      text('filter'),
      whole('qos', 0, 2),
      whole('options', 0, 255),
      whole('identifier', 0, 268_435_455),
    ),
  },
  {
    table: 'incoming',
    fits: all(ofSession, whole('packet_id', 1, 65_535), whole('digest', -(2 ** 32), 2 ** 32)),
  },
  {
    table: 'message',
    fits: all(
      whole('id', 1, COUNTED),
      whole('refs', -SAFE, SAFE),
      blob('body'),
      'length(body) > 2',
    ),
  },
  {
    table: 'segment',
    fits: all(
      whole('session', 1, LAST_SESSION),
      whole('first', 0, 2 ** NUMBER_BITS - 1),
      `id = (session << ${NUMBER_BITS}) + first`,
      whole('span', 0, 2 ** NUMBER_BITS - 1),
      whole('count', 1, 2 ** 31),
      whole('bytes', 0, SAFE),
      whole('at', -SAFE, SAFE),
      whole('form', 0, 7),
      blob('body'),
    ),
  },
  {
    table: 'retained',
    fits: all(
      // They are read in this order.
      whole('rowid', 1, COUNTED),
      topic('topic'),
      whole('qos', 0, 2),
      blob('payload'),
      text('publisher', 0),
      blob('properties'),
      whole('expires', 0, SAFE),
    ),
  },
  { table: 'recent', fits: all(whole('id', 0, 2 ** 32), blob('body')) },
  { table: 'will', fits: WILL },
  {
    table: 'delayed_will',
    fits: all(
      WILL,
      blob('properties'),
      whole('expiry', -1, NEVER),
      whole('delay', 0, NEVER),
      whole('due', 0, SAFE),
    ),
  },
  {
    table: 'dead_letter',
    fits: all(
      whole('id', 1, COUNTED),
      text('uplink'),
      whole('at', 0, SAFE),
      text('reason', 0, SAFE),
      blob('body'),
      'length(body) > 2',
    ),
  },
  {
    table: 'state',
    fits: all(text('owner'), text('key'), text('value', 1, SAFE), 'json_valid(value)'),
  },
];

/** Those that a start checks before it serves clients. */
export const ROWS_AT_START = FITTING_ROWS.filter(({ table }) => table !== 'retained');
/** Those of which it is known only when they have been read. */
export const ROWS_READ_LATER = FITTING_ROWS.filter(({ table }) => table === 'retained');

/** The condition for rows of this table that may be loaded. */
export function fitting(table: string): string {
  const { fits, repairs = [] } = FITTING_ROWS.find((one) => one.table === table)!;
  return `(${all(fits, ...repairs.map((repair) => repair.fits))}) IS TRUE`;
}
