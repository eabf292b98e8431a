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
const KEYS = ['value', 'id', 'by'];
const LONGEST_BYTES = 1024;
const LONGEST_TEXT = 128;

/** The command of a payload, or why it is refused. An empty payload is no command: undefined. */
export function parseSetCommand(
  payload: Uint8Array,
): SetCommand | { readonly refused: string; readonly id?: string } | undefined {
  if (payload.length === 0) return undefined;
  if (payload.length > LONGEST_BYTES) return { refused: `longer than ${LONGEST_BYTES} bytes` };
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return { refused: EXPECTED };
  }
  if (typeof json === 'number' && Number.isFinite(json)) return { value: json };
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { refused: EXPECTED };
  }
  const { value, id, by } = json as Readonly<Record<string, unknown>>;
  const named = isShort(id) ? { id: String(id) } : {};
  const unknown = Object.keys(json).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown).slice(0, 50);
    return { ...named, refused: `${shown}: unknown key, expected ${KEYS.join(', ')}` };
  }
  if ([id, by].some((one) => one !== undefined && !isShort(one))) {
    return { ...named, refused: `id and by: expected text of at most ${LONGEST_TEXT} characters` };
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return { ...named, refused: 'value: expected a number' };
  }
  return { value, ...named, ...(isShort(by) ? { by: String(by) } : {}) };
}

function isShort(value: unknown): boolean {
  return (
    (typeof value === 'string' || typeof value === 'number') && String(value).length <= LONGEST_TEXT
  );
}
