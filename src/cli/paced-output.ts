import type { OutputStream } from './io.ts';

/** Characters that are written at once. */
const CHUNK = 64 * 1024;

/** Writes the texts no faster than the reader takes them; ends when the reader has closed its end. */
export async function writePaced(texts: Iterable<string>, output: OutputStream): Promise<void> {
  const taken = (text: string): Promise<boolean> =>
    new Promise((resolve) => output.write(text, (error) => resolve(!error)));
  let waiting = '';
  for (const text of texts) {
    waiting += text;
    if (waiting.length < CHUNK) continue;
    if (!(await taken(waiting))) return;
    waiting = '';
  }
  if (waiting !== '') await taken(waiting);
}
