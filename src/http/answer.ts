import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** The response to a request. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  /** A stream is sent as it is: its length is in the headers. */
  readonly body: string | Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
  /** The compressed body, if it is cached. */
  compressed?(encoding: Encoding): Promise<Buffer>;
}

/** How a body may be compressed; browsers take `br` over TLS only. */
export type Encoding = 'br' | 'gzip';

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/** Compresses what is sent once, quickly. */
export function compress(bytes: Buffer): Promise<Buffer> {
  return zip(bytes, { level: 5 });
}

/** Compresses what is kept and sent often. The highest level of Brotli takes ten times as long for a tenth less. */
export function compressWell(bytes: Buffer, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return zip(bytes, { level: 9 });
  return brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
}

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
