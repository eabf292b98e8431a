import type { Connection } from '../database/sqlite.ts';

/** What a damaged database has cost, until `cellgate acknowledge`. */
export interface Loss {
  /** When it was found, in milliseconds since the epoch. */
  readonly at: number;
  /** The name under which the damaged database is kept. */
  readonly aside: string | undefined;
  /** Messages that are known to be lost. */
  readonly messages: number;
  /** Places that could not be read: there may be more in them. */
  readonly places: number;
}

/** Owner and key of the loss in the state. */
export const LOSS_OWNER = '$store';
export const LOSS_KEY = 'loss';

/** A stored loss; undefined if the value is not one. */
export function asLoss(value: unknown): Loss | undefined {
  const { at, messages, places } = Object(value) as Partial<Loss>;
  const isOne = isTime(at) && Number.isFinite(messages) && Number.isFinite(places);
  return isOne ? (value as Loss) : undefined;
}

/** Rows that did not fit and were set aside, until `cellgate acknowledge`. */
export interface Unfit {
  /** When they were found, in milliseconds since the epoch. */
  readonly at: number;
  /** The name of the file with the rows. */
  readonly aside: string;
  readonly rows: number;
}

export const UNFIT_KEY = 'unfit';

/** Stored unfit rows; undefined if the value is not that. */
export function asUnfit(value: unknown): Unfit | undefined {
  const { at, aside, rows } = Object(value) as Partial<Unfit>;
  const isOne = isTime(at) && Number.isFinite(rows) && typeof aside === 'string';
  return isOne ? (value as Unfit) : undefined;
}

/** A time that can be printed. */
function isTime(at: unknown): boolean {
  return typeof at === 'number' && !Number.isNaN(new Date(at).getTime());
}

/** Stores how many rows were set aside; it adds to what is not acknowledged yet. Returns the sum. */
export function recordUnfit(db: Connection, unfit: Unfit): Unfit {
  const before = asUnfit(storedValue(db, UNFIT_KEY));
  const sum = { ...unfit, rows: unfit.rows + (before?.rows ?? 0) };
  storeValue(db, UNFIT_KEY, sum);
  return sum;
}

/** The unfit rows as a sentence for the operator. */
export function describeUnfit({ at, aside, rows }: Unfit): string {
  return `${rows} rows of the database did not fit at the start of ${minuteOf(at)} and were set aside in ${aside}: find out what is missing; "cellgate acknowledge" ends this trouble`;
}

function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function storedValue(db: Connection, key: string): unknown {
  const select = db.prepare('SELECT value FROM state WHERE owner = ? AND key = ?').pluck();
  try {
    return JSON.parse(select.get(LOSS_OWNER, key) as string);
  } catch {
    return undefined;
  }
}

function storeValue(db: Connection, key: string, value: unknown): void {
  db.prepare('INSERT OR REPLACE INTO state (owner, key, value) VALUES (?, ?, ?)').run(
    LOSS_OWNER,
    key,
    JSON.stringify(value),
  );
}

/** Stores a loss; it adds to one that is not acknowledged yet. */
export function recordLoss(db: Connection, loss: Loss): void {
  const before = asLoss(storedValue(db, LOSS_KEY));
  const sum: Loss = {
    at: loss.at,
    aside: loss.aside ?? before?.aside,
    messages: loss.messages + (before?.messages ?? 0),
    places: loss.places + (before?.places ?? 0),
  };
  storeValue(db, LOSS_KEY, sum);
}

/** The loss as a sentence for the operator. */
export function describeLoss({ at, aside, messages, places }: Loss): string {
  const where = places > 0 ? `, and what was in ${places} unreadable places` : '';
  const kept = aside === undefined ? '' : `; the damaged file is ${aside}`;
  return `the database was found damaged at ${minuteOf(at)}: at least ${messages} messages are lost${where}${kept}; "cellgate acknowledge" ends this trouble`;
}
