import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import { type Answer, compress, textAnswer } from './answer.ts';
import { readBody } from './body.ts';
import { isFromOwnPage, isOwnHost, isOwnOrigin, SECURITY_HEADERS } from './guard.ts';
import { loginOf } from './login.ts';
import type { createLoginRoutes } from './login-routes.ts';
import type { Logins } from './logins.ts';
import type { PageFiles } from './page-files.ts';
import type { createRoutes } from './routes.ts';

export interface RequestsParts {
  readonly access: Access;
  /** Whether clients without a login are admitted, if the access rules have a section for them. */
  readonly anonymous: boolean;
  readonly log: Logger;
  readonly logins: Logins;
  readonly loginRoute: ReturnType<typeof createLoginRoutes>;
  readonly files: PageFiles;
  readonly route: ReturnType<typeof createRoutes>;
  /** The certificate in use; undefined without TLS. */
  certificate(): X509Certificate | undefined;
}

const OTHER_SITE = "This request comes from another site's page: use the gateway's page.";
const METHODS = ['GET', 'HEAD', 'POST'];
const LONGEST_TARGET = 8192;
const LEAST_ZIPPED = 1024;

/** Answers HTTP requests: files of the page, and the routes. Never rejects. */
export function createRequests(parts: RequestsParts) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const found = await answer(request, parts).catch((error: unknown): Answer => {
      const path = request.url?.slice(0, 100);
      parts.log.error({ err: error, path }, 'a request could not be answered');
      return textAnswer(500, 'The gateway could not answer; its log has the reason.');
    });
    // A body that no route has read is discarded.
    request.resume();
    const { body } = found;
    if (body instanceof Readable) return stream(found, body, response, parts.log);
    const { bytes, encoding } = await bodyOf({ ...found, body }, request);
    response.writeHead(found.status, {
      ...SECURITY_HEADERS,
      ...found.headers,
      ...encoding,
      'content-type': found.type,
      'content-length': bytes.length,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
}

/** Sends a stream; a client that has gone ends it. */
async function stream(
  { status, headers, type }: Answer,
  body: Readable,
  response: ServerResponse,
  log: Logger,
): Promise<void> {
  response.writeHead(status, { ...SECURITY_HEADERS, ...headers, 'content-type': type });
  try {
    await pipeline(body, response);
  } catch (error) {
    if (body.errored) log.error({ err: error }, 'a file could not be sent to the page');
  }
}

async function answer(request: IncomingMessage, parts: RequestsParts): Promise<Answer> {
  const { access, anonymous, logins, files, loginRoute, route } = parts;
  const { method = 'GET', url: target = '/', headers } = request;
  if (!METHODS.includes(method)) {
    return textAnswer(405, 'Only GET, HEAD and POST.', { allow: METHODS.join(', ') });
  }
  if (!isOwnHost(headers.host, parts.certificate())) {
    return textAnswer(421, 'This gateway is not known by that name: use its address.');
  }
  if (method === 'POST' && !isOwnOrigin(headers.origin, headers.host)) {
    return textAnswer(403, OTHER_SITE);
  }
  if (target.length > LONGEST_TARGET || !target.startsWith('/')) {
    return textAnswer(
      400,
      `Ask for a path that begins with / and has at most ${LONGEST_TARGET} characters.`,
    );
  }
  const { pathname: path, searchParams: query } = new URL(`http://gateway${target}`);
  const file = method === 'POST' ? undefined : files.answer(path);
  if (file) return file;
  const login = logins.of(request);
  if (login && !isFromOwnPage(method, headers)) return textAnswer(403, OTHER_SITE);
  const about = await loginRoute(request, path);
  if (about) return about;
  const visitor = await loginOf(request, access, anonymous, login);
  const body = (mostBytes: number): Promise<Buffer | undefined> => readBody(request, mostBytes);
  const found = await route({ method, path, query, visitor, body });
  return found ?? textAnswer(404, 'There is nothing at this path; the page is at /.');
}

/** The body, compressed if the client accepts that and it saves bytes. */
async function bodyOf(
  { body, compressed }: Answer & { readonly body: string | Buffer },
  request: IncomingMessage,
): Promise<{ bytes: Buffer; encoding: Readonly<Record<string, string>> }> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const takes = accepted(request.headers['accept-encoding']);
  const encoding = compressed && takes.has('br') ? 'br' : 'gzip';
  if (!takes.has(encoding) || bytes.length < LEAST_ZIPPED) {
    return { bytes, encoding: { vary: 'accept-encoding' } };
  }
  const small = await (compressed?.(encoding) ?? compress(bytes));
  return { bytes: small, encoding: { 'content-encoding': encoding, vary: 'accept-encoding' } };
}

/** The encodings that a client takes, by its header, such as `gzip, br;q=0.8`; quality 0 means not. */
function accepted(header: string | string[] | undefined): ReadonlySet<string> {
  const named = String(header ?? '').split(',');
  return new Set(
    named
      .filter((one) => !/;\s*q=0(\.0*)?\s*$/.test(one))
      .map((one) => one.replace(/;.*/, '').trim()),
  );
}
