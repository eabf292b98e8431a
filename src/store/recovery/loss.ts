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
  const isOne = [at, messages, places].every((number) => Number.isFinite(number));
  return isOne ? (value as Loss) : undefined;
}

/** Stores a loss; it adds to one that is not acknowledged yet. */
export function recordLoss(db: Connection, loss: Loss): void {
  const select = db.prepare('SELECT value FROM state WHERE owner = ? AND key = ?').pluck();
  const stored = select.get(LOSS_OWNER, LOSS_KEY) as string | undefined;
  const before = stored === undefined ? undefined : asLoss(JSON.parse(stored));
  const sum: Loss = {
    at: loss.at,
    aside: loss.aside ?? before?.aside,
    messages: loss.messages + (before?.messages ?? 0),
    places: loss.places + (before?.places ?? 0),
  };
  db.prepare('INSERT OR REPLACE INTO state (owner, key, value) VALUES (?, ?, ?)').run(
    LOSS_OWNER,
    LOSS_KEY,
    JSON.stringify(sum),
  );
}

/** The loss as a sentence for the operator. */
export function describeLoss({ at, aside, messages, places }: Loss): string {
  const day = `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const where = places > 0 ? `, and what was in ${places} unreadable places` : '';
  const kept = aside === undefined ? '' : `; the damaged file is ${aside}`;
  return `the database was found damaged at ${day}: at least ${messages} messages are lost${where}${kept}; "cellgate acknowledge" ends this trouble`;
}
