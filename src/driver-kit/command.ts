/** A refused command, with its id if that could be read. */
export interface Refused {
  readonly refused: string;
  readonly id?: string;
}

/** The form of the commands of one kind of topic. */
export interface CommandForm {
  /** The sentence for a payload of another form. */
  readonly expected: string;
  /** The keys that an object may have. */
  readonly keys: readonly string[];
}

/** A payload that is no object, such as `on` or `12`. */
interface Word {
  readonly word: string;
}

/** An object with allowed keys only. */
interface Fields {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Repeated in the result; a repeated command has the same one. */
  readonly id?: string;
  /** Who gives the command. */
  readonly by?: string;
}

const LONGEST_BYTES = 1024;
const LONGEST_TEXT = 128;

/**
 * Reads the payload of a command: a word, or JSON with known keys. A command with an unknown key is refused, because it
 * can't be carried out completely.
 */
export function readCommand(payload: Uint8Array, form: CommandForm): Word | Fields | Refused {
  if (payload.length > LONGEST_BYTES) return { refused: `longer than ${LONGEST_BYTES} bytes` };
  const word = Buffer.from(payload).toString('utf8').trim();
  let json: unknown;
  try {
    json = JSON.parse(word);
  } catch {
    return { word };
  }
  if (typeof json !== 'object' || json === null) return { word };
  if (Array.isArray(json)) return { refused: form.expected };
  return readFields(json as Readonly<Record<string, unknown>>, form);
}

function readFields(
  fields: Readonly<Record<string, unknown>>,
  { keys }: CommandForm,
): Fields | Refused {
  const id = shortText(fields.id);
  const by = shortText(fields.by);
  const named = id === undefined ? {} : { id };
  const unknown = Object.keys(fields).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown).slice(0, 50);
    return { ...named, refused: `${shown}: unknown key, expected ${keys.join(', ')}` };
  }
  for (const [key, text] of Object.entries({ id, by })) {
    if (fields[key] !== undefined && text === undefined) {
      return { ...named, refused: `${key}: expected text of at most ${LONGEST_TEXT} characters` };
    }
  }
  return { fields, ...named, ...(by === undefined ? {} : { by }) };
}

function shortText(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value);
  return text.length <= LONGEST_TEXT ? text : undefined;
}
