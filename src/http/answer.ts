import { promisify } from 'node:util';
import { gzip, type ZlibOptions } from 'node:zlib';

/** The response to a request. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** The compressed body, if it is cached. */
  zipped?(): Promise<Buffer>;
}

/** Compresses with gzip. */
export const zip: (bytes: Buffer, options: ZlibOptions) => Promise<Buffer> = promisify(gzip);

const TEXT = 'text/plain; charset=utf-8';

/** A line of text for people and monitors. */
export function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, type: TEXT, body: `${text}\n`, headers };
}

/** A JSON value for programs; not to be cached, because it is valid for this moment only. */
export function jsonAnswer(value: unknown, status = 200): Answer {
  const headers = { 'cache-control': 'no-store' };
  return { status, type: 'application/json; charset=utf-8', body: JSON.stringify(value), headers };
}
