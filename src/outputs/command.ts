import { type Refused, readCommand } from '../driver-kit/command.ts';
import { parseDuration } from '../driver-kit/units.ts';

/** A command for an output. */
export interface Command {
  readonly value: boolean;
  /** Repeated in the result; a repeated command has the same one. */
  readonly id?: string;
  /** Milliseconds after which the output gets the opposite value. */
  readonly forMs?: number;
  /** When the command was given, in milliseconds since the Unix epoch. */
  readonly given?: number;
}

/** A message that an output receives. */
export interface ReceivedCommand {
  readonly topic?: string;
  readonly payload: Uint8Array;
  /** A message that only deletes the retained message of its topic is no command. */
  readonly isDeletion?: true;
  /** In milliseconds of `storedNow`; null or undefined if it does not expire. */
  readonly expiresAt?: number | null | undefined;
  /** Who has published it, for the log; absent for the gateway itself. */
  readonly sender?: string;
  /** Publishes its result to its sender, too; absent if its sender does not ask for that. */
  answer?(payload: Uint8Array): void;
}

/** A map, as an object has names such as `constructor` too. */
const WORDS: ReadonlyMap<unknown, boolean> = new Map([
  ['on', true],
  ['true', true],
  ['1', true],
  ['off', false],
  ['false', false],
  ['0', false],
]);
const EXPECTED = 'expected on, off or JSON such as {"value":true,"id":"7","for":"2s"}';
const FORM = { expected: EXPECTED, keys: ['value', 'id', 'for', 'time'] };
const LONGEST_FOR_MS = 86_400_000;

/**
 * A payload of `<cell>/<output>/set`: `on`, `off`, `true`, `1` and alike, or JSON with `value` and, if wanted, `id`, `for`
 * (a duration) and `time` (ISO 8601).
 */
export function parseCommand(payload: Uint8Array): Command | Refused {
  const read = readCommand(payload, FORM);
  if ('refused' in read) return read;
  if ('word' in read) {
    const value = WORDS.get(read.word.toLowerCase());
    return value === undefined ? { refused: EXPECTED } : { value };
  }
  const { fields: json, id } = read;
  const refuse = (refused: string): Refused => ({ refused, ...(id === undefined ? {} : { id }) });
  const value = WORDS.get(wordOf(json.value)?.toLowerCase());
  if (value === undefined) return refuse('value: expected true or false');
  const forMs = json.for === undefined ? undefined : parseDuration(wordOf(json.for) ?? '');
  if (json.for !== undefined && !(forMs !== undefined && forMs >= 1 && forMs <= LONGEST_FOR_MS)) {
    return refuse('for: expected a duration from 1ms to 1d, such as 2s');
  }
  const given = typeof json.time === 'string' ? Date.parse(json.time) : Number.NaN;
  if (json.time !== undefined && Number.isNaN(given)) {
    return refuse('time: expected a moment such as 2026-11-20T20:31:00Z');
  }
  return {
    value,
    ...(id === undefined ? {} : { id }),
    ...(forMs === undefined ? {} : { forMs }),
    ...(Number.isNaN(given) ? {} : { given }),
  };
}

/** What is no list and no map, as text; some maps can't be converted. */
function wordOf(value: unknown): string | undefined {
  return typeof value === 'object' ? undefined : String(value);
}
