import type { IncomingMessage } from 'node:http';

/** The body of a request; undefined if it is longer than `limitBytes`, or does not arrive as a whole. */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // The rest of a body that is too long is discarded, so that its sender reads the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length;
      if (length > limitBytes) return undefined;
      chunks.push(chunk as Buffer);
    }
  } catch {
    // The sender has closed the connection: there is no one to answer.
    return undefined;
  }
  return Buffer.concat(chunks, length);
}

/** The JSON object in the body of a request; a sentence if it has none. */
export async function readJson(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Readonly<Record<string, unknown>> | string> {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    return 'Send JSON, with the header content-type: application/json.';
  }
  const body = await readBody(request, limitBytes);
  if (!body) return `Send at most ${limitBytes} bytes.`;
  const value = parsed(body.toString());
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)
    : 'Send a JSON object.';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
