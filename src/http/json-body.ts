/** The JSON object in the body of a request; a sentence if it has none. */
export async function readJson(
  read: (mostBytes: number) => Promise<Buffer | undefined>,
  mostBytes: number,
): Promise<Readonly<Record<string, unknown>> | string> {
  const body = await read(mostBytes);
  if (!body) return `Send at most ${mostBytes} bytes.`;
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
