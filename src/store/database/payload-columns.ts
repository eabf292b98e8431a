import type { ByteReader, ByteWriter } from './byte-stream.ts';

/** Longer payloads, and those with more numbers, are no readings. */
const LENGTH = 1024;
const NUMBERS = 32;
/** The most different frames of one batch. */
const FRAMES = 64;
/** Stands for a number in a frame. */
const PLACE = '\0';

interface Frame {
  readonly index: number;
  readonly columns: readonly string[][];
}

/**
 * Writes payloads so that they compress well. Readings differ only in their numbers: a payload is a frame, in which each
 * run of digits is a place, and its numbers are in columns, with those that other payloads have in the same place.
 * What does not fit is written as it is.
 */
export function writePayloads(to: ByteWriter, payloads: readonly Uint8Array[]): void {
  const frames = new Map<string, Frame>();
  const others: Uint8Array[] = [];
  const which = Buffer.alloc(payloads.length);
  for (const [n, payload] of payloads.entries()) {
    const frame = addTo(frames, payload);
    if (frame) which[n] = frame.index;
    else others.push(payload);
  }
  to.number(frames.size);
  for (const frame of frames.keys()) to.text(frame, 'latin1');
  to.blob(which);
  for (const { columns } of frames.values()) {
    for (const column of columns) to.text(column.join(), 'latin1');
  }
  for (const payload of others) to.blob(payload);
}

/** Adds the numbers of a payload to the columns of its frame; undefined if it has none. */
function addTo(frames: Map<string, Frame>, payload: Uint8Array): Frame | undefined {
  if (payload.length > LENGTH) return undefined;
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('latin1');
  const numbers = text.match(/\d+/g);
  if (!numbers || numbers.length > NUMBERS || text.includes(PLACE)) return undefined;
  const name = text.replace(/\d+/g, PLACE);
  let frame = frames.get(name);
  if (!frame) {
    if (frames.size === FRAMES) return undefined;
    frame = { index: frames.size + 1, columns: numbers.map(() => []) };
    frames.set(name, frame);
  }
  for (let n = 0; n < numbers.length; n++) frame.columns[n]!.push(numbers[n]!);
  return frame;
}

/** Reads payloads that `writePayloads` has written. Throws where the bytes are not as it wrote them. */
export function readPayloads(from: ByteReader): Buffer[] {
  const count = from.number();
  if (count > FRAMES) throw new RangeError('too many frames');
  const frames = Array.from({ length: count }, () => from.text('latin1').split(PLACE));
  const which = from.blob();
  const columns = frames.map((pieces) => pieces.slice(1).map(() => from.text('latin1').split(',')));
  const next = frames.map(() => 0);
  return Array.from(which, (index) => {
    if (index === 0) return from.blob();
    const [pieces, own] = [frames[index - 1], columns[index - 1]];
    if (!pieces || !own) throw new RangeError('no such frame');
    const row = next[index - 1]!++;
    let text = pieces[0]!;
    for (let n = 1; n < pieces.length; n++) text += (own[n - 1]![row] ?? '') + pieces[n];
    return Buffer.from(text, 'latin1');
  });
}
