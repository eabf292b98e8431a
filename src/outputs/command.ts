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

/** A refused command, with its id if that could be read. */
export interface Refused {
  readonly refused: string;
  readonly id?: string;
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
const KEYS = ['value', 'id', 'for', 'time'];
const LONGEST_BYTES = 1024;
const LONGEST_ID = 128;
const LONGEST_FOR_MS = 86_400_000;

/**
 * A payload of `<cell>/<output>/set`: `on`, `off`, `true`, `1` and alike, or JSON with `value` and, if wanted, `id`, `for`
 * (a duration) and `time` (ISO 8601). A command with an unknown key is refused, because it can't be carried out completely.
 */
export function parseCommand(payload: Uint8Array): Command | Refused {
  if (payload.length > LONGEST_BYTES) return { refused: `longer than ${LONGEST_BYTES} bytes` };
  const text = Buffer.from(payload).toString('utf8').trim();
  const word = WORDS.get(text.toLowerCase());
  if (word !== undefined) return { value: word };
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

function fromObject(json: Readonly<Record<string, unknown>>): Command | Refused {
  const id = idOf(json.id);
  const refuse = (refused: string): Refused => ({ refused, ...(id === undefined ? {} : { id }) });
  if (json.id !== undefined && id === undefined) {
    return refuse(`id: expected text of at most ${LONGEST_ID} characters`);
  }
  const unknown = Object.keys(json).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return refuse(
      `${JSON.stringify(unknown).slice(0, 50)}: unknown key, expected ${KEYS.join(', ')}`,
    );
  }
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

function idOf(id: unknown): string | undefined {
  if (typeof id !== 'string' && typeof id !== 'number') return undefined;
  return String(id).length <= LONGEST_ID ? String(id) : undefined;
}
