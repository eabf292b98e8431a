import { type Refused, readCommand } from '../driver-kit/command.ts';
import { parseDuration } from '../driver-kit/units.ts';

/** A command for an alarm. `by` is who gives it. */
export type AlarmCommand =
  | { readonly do: 'acknowledge' | 'unshelve'; readonly by?: string }
  | { readonly do: 'shelve'; readonly forMs: number; readonly by?: string };

/** A command with its id, which is repeated in the result; or why it is refused. */
export type ParsedCommand = { readonly id?: string; readonly command: AlarmCommand } | Refused;

const EXPECTED =
  'expected acknowledge, unshelve or JSON such as {"acknowledge":true,"by":"Anna"} or {"shelve":"30m"}';
const FORM = { expected: EXPECTED, keys: ['acknowledge', 'shelve', 'unshelve', 'by', 'id'] };
/** Shelving has an end, and the end is within a week. */
const LONGEST_SHELVING_MS = 7 * 86_400_000;

/** A payload of `<cell>/alarm/<sensor>/<name>/set`; undefined for an empty one, which is no command. */
export function parseAlarmCommand(payload: Uint8Array): ParsedCommand | undefined {
  if (payload.length === 0) return undefined;
  const read = readCommand(payload, FORM);
  if ('refused' in read) return read;
  if ('word' in read) {
    const word = read.word.toLowerCase();
    const isWord = word === 'acknowledge' || word === 'unshelve';
    return isWord ? { command: { do: word } } : { refused: EXPECTED };
  }
  const { fields, id, by } = read;
  const named = id === undefined ? {} : { id };
  const who = by === undefined ? {} : { by };
  const actions = ['acknowledge', 'shelve', 'unshelve'].filter((key) => fields[key] !== undefined);
  if (actions.length !== 1) return { ...named, refused: EXPECTED };
  if (fields.shelve !== undefined) {
    const forMs = shelvingTime(fields.shelve);
    if (forMs === undefined) return { ...named, refused: 'shelve: expected a time from 1s to 7d' };
    return { ...named, command: { do: 'shelve', forMs, ...who } };
  }
  const action = fields.acknowledge === undefined ? 'unshelve' : 'acknowledge';
  if (fields[action] !== true) return { ...named, refused: `${action}: expected true` };
  return { ...named, command: { do: action, ...who } };
}

/** The milliseconds of a shelving time; undefined if it is not from 1s to 7d. */
export function shelvingTime(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  return ms !== undefined && ms >= 1000 && ms <= LONGEST_SHELVING_MS ? ms : undefined;
}
