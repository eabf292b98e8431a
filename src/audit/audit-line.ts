import { createHash } from 'node:crypto';

/** What was changed through the gateway. */
export type AuditedChange =
  | 'config-applied'
  | 'config-kept'
  | 'config-taken-back'
  | 'config-at-start'
  | 'client-disconnected'
  | 'retained-cleared'
  | 'user-added'
  | 'user-removed'
  | 'password-changed'
  | 'rights-changed'
  | 'audit-damaged';

/** A change, and who made it. Secrets are never in it. */
export interface AuditRecord {
  readonly what: AuditedChange;
  /** The user, or `LOCAL_ADMINISTRATOR` or `GATEWAY`. */
  readonly by: string;
  /** From where, if it came over the network. */
  readonly address?: string | undefined;
  /** The client, topic or user that was changed. */
  readonly subject?: string | undefined;
  /** The texts that were replaced, and those in their place. */
  readonly before?: readonly string[] | undefined;
  readonly after?: readonly string[] | undefined;
  readonly reason?: string | undefined;
}

/** A line of the log: a record with its number and the hash of the line before. */
export interface AuditLine extends AuditRecord {
  /** Counts from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly previous: string;
  /** SHA-256 of the text of this line without its hash. */
  readonly hash: string;
}

/** Who uses the command line or edits the files. */
export const LOCAL_ADMINISTRATOR = 'local administrator';
/** What the gateway does by itself. */
export const GATEWAY = 'gateway';
/** Before the first line. */
export const NO_HASH = '0'.repeat(64);

/** The most texts of one list in a line, and the most characters of a text: a line is bounded. */
const MOST_TEXTS = 100;
const LONGEST_TEXT = 300;
const HASHED = /^(\{.*),"hash":"([\da-f]{64})"\}$/s;

/** The text of a line without its line end, and its hash. */
export function lineText(
  record: AuditRecord,
  place: { readonly number: number; readonly time: string; readonly previous: string },
): { readonly text: string; readonly hash: string } {
  const { what, by, address, subject, before, after, reason } = record;
  const { number, time, previous } = place;
  const bounded = {
    ...{ number, time, by: cut(by), address, what },
    subject: subject === undefined ? undefined : cut(subject),
    before: before?.length ? texts(before) : undefined,
    after: after?.length ? texts(after) : undefined,
    reason: reason === undefined ? undefined : cut(reason),
    previous,
  };
  const body = JSON.stringify(bounded);
  const hash = sha256(body);
  return { text: `${body.slice(0, -1)},"hash":"${hash}"}`, hash };
}

/** A line from its text; `isIntact` says whether its hash is that of its text. Undefined where the text is no line. */
export function parseLine(
  text: string,
): { readonly line: AuditLine; readonly isIntact: boolean } | undefined {
  try {
    const line = JSON.parse(text) as AuditLine;
    if (!Number.isSafeInteger(line.number) || typeof line.previous !== 'string') return undefined;
    const [, body, hash] = HASHED.exec(text) ?? [];
    return { line, isIntact: body !== undefined && sha256(`${body}}`) === hash };
  } catch {
    return undefined;
  }
}

export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

function texts(list: readonly string[]): readonly string[] {
  const shown = list.slice(0, MOST_TEXTS).map(cut);
  return list.length > MOST_TEXTS ? [...shown, `and ${list.length - MOST_TEXTS} more`] : shown;
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
