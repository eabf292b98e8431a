import { parseDuration } from '../driver-kit/units.ts';

/** A command for an alarm. `by` is who gives it. */
export type AlarmCommand =
  | { readonly do: 'acknowledge' | 'unshelve'; readonly by?: string }
  | { readonly do: 'shelve'; readonly forMs: number; readonly by?: string };

/** A command with its id, which is repeated in the result; or why it is refused. */
export type ParsedCommand = { readonly id?: string } & (
  | { readonly command: AlarmCommand }
  | { readonly refused: string }
);

const EXPECTED =
  'expected acknowledge, unshelve or JSON such as {"acknowledge":true,"by":"Anna"} or {"shelve":"30m"}';
const KEYS = ['acknowledge', 'shelve', 'unshelve', 'by', 'id'];
const LONGEST_BYTES = 1024;
const LONGEST_TEXT = 128;
/** Shelving has an end, and the end is within a day or so. */
const LONGEST_SHELVING_MS = 7 * 86_400_000;

/** A payload of `<cell>/alarm/<sensor>/<name>/set`; undefined for an empty one, which is no command. */
export function parseAlarmCommand(payload: Uint8Array): ParsedCommand | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length > LONGEST_BYTES) return { refused: `longer than ${LONGEST_BYTES} bytes` };
  const text = Buffer.from(payload).toString('utf8').trim();
  const word = text.toLowerCase();
  if (word === 'acknowledge' || word === 'unshelve') return { command: { do: word } };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { refused: EXPECTED };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { refused: EXPECTED };
  }
  return fromObject(json as Readonly<Record<string, unknown>>);
}

function fromObject(json: Readonly<Record<string, unknown>>): ParsedCommand {
  const id = shortText(json.id);
  const named = id === undefined ? {} : { id };
  const unknown = Object.keys(json).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown).slice(0, 50);
    return { ...named, refused: `${shown}: unknown key, expected ${KEYS.join(', ')}` };
  }
  for (const key of ['id', 'by']) {
    if (json[key] !== undefined && shortText(json[key]) === undefined) {
      return { ...named, refused: `${key}: expected text of at most ${LONGEST_TEXT} characters` };
    }
  }
  const by = shortText(json.by);
  const who = by === undefined ? {} : { by };
  const actions = ['acknowledge', 'shelve', 'unshelve'].filter((key) => json[key] !== undefined);
  if (actions.length !== 1) return { ...named, refused: EXPECTED };
  if (json.shelve !== undefined) {
    const forMs = shelvingTime(json.shelve);
    if (forMs === undefined) return { ...named, refused: 'shelve: expected a time from 1s to 7d' };
    return { ...named, command: { do: 'shelve', forMs, ...who } };
  }
  const action = json.acknowledge === undefined ? 'unshelve' : 'acknowledge';
  if (json[action] !== true) return { ...named, refused: `${action}: expected true` };
  return { ...named, command: { do: action, ...who } };
}

/** The milliseconds of a shelving time; undefined if it is not from 1s to 7d. */
export function shelvingTime(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? parseDuration(value) : undefined;
  return ms !== undefined && ms >= 1000 && ms <= LONGEST_SHELVING_MS ? ms : undefined;
}

function shortText(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value);
  return text.length <= LONGEST_TEXT ? text : undefined;
}
