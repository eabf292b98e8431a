import { type Refused, readCommand } from '../driver-kit/command.ts';

/** A command that sets a counter, a position or a sum: what `<cell>/<sensor>/<channel>/set` receives. */
export interface SetCommand {
  readonly value: number;
  /** Repeated in the result. */
  readonly id?: string;
  /** Who gives it, for the log. */
  readonly by?: string;
}

/** A message on such a topic. */
export interface ReceivedSetCommand {
  readonly payload: Uint8Array;
  /** Publishes its result to its sender, too; absent if its sender does not ask for that. */
  answer?(payload: Uint8Array): void;
}

const EXPECTED = 'expected a number such as 12345, or JSON such as {"value":12345,"id":"7"}';
const FORM = { expected: EXPECTED, keys: ['value', 'id', 'by'] };

/** The command of a payload, or why it is refused. An empty payload is no command: undefined. */
export function parseSetCommand(payload: Uint8Array): SetCommand | Refused | undefined {
  if (payload.length === 0) return undefined;
  const read = readCommand(payload, FORM);
  if ('refused' in read) return read;
  if ('word' in read) {
    const value = numberOf(read.word);
    return value === undefined ? { refused: EXPECTED } : { value };
  }
  const { fields, ...named } = read;
  const { value } = fields;
  if (typeof value === 'number' && Number.isFinite(value)) return { value, ...named };
  const { id } = named;
  return { refused: 'value: expected a number', ...(id === undefined ? {} : { id }) };
}

/** The number that is written as in JSON; undefined for all else. */
function numberOf(word: string): number | undefined {
  try {
    const json: unknown = JSON.parse(word);
    return typeof json === 'number' && Number.isFinite(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
