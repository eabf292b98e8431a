import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { Service } from '../base/lifecycle.ts';
import type { HttpConfig } from '../config/schema/http.ts';
import { isLoopback } from '../config/schema/listeners.ts';
import { Certificates } from '../net/certificates.ts';
import { listenError } from '../net/listener.ts';
import type { Upgrade } from '../net/websocket.ts';
import { type Answer, textAnswer, zip } from './answer.ts';
import { isOwnHost, isOwnOrigin, SECURITY_HEADERS } from './guard.ts';
import { loginOf } from './login.ts';
import { type PageFiles, readPageFiles } from './page-files.ts';
import { createRoutes, type RoutesParts } from './routes.ts';

export interface HttpParts extends RoutesParts {
  readonly config: HttpConfig;
  /** The access rules in force. */
  access(): Access | undefined;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** The folder of the built page. */
  readonly pageFolder: string;
  /** The broker's way in for MQTT over WebSocket. */
  upgradeHandler(anonymous: boolean): Promise<Upgrade>;
}

/** A service with an address. */
export interface Http extends Service {
  /** Undefined until it has started. */
  readonly url: string | undefined;
}

/** Where the page's MQTT goes. */
const MQTT_PATH = '/mqtt';
const LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 };
const SOCKETS = 200;
const IDLE_MS = 20_000;
const KEEPALIVE_MS = 60_000;
const METHODS = ['GET', 'HEAD', 'POST'];
const URL_LENGTH = 8192;
const LEAST_ZIPPED = 1024;

/** The page, its data, health and metrics over HTTP; MQTT over WebSocket on the same port, for pages of ours alone. */
export function createHttp(parts: HttpParts): Http {
  const { config, access, log, pageFolder, upgradeHandler } = parts;
  const { host, port } = config;
  const anonymous = isLoopback(host);
  const route = createRoutes(parts);
  let files: PageFiles;
  let certificates: Certificates | undefined;
  let certificate: X509Certificate | undefined;
  let server: Server | undefined;
  let url: string | undefined;

  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { method = 'GET' } = request;
    if (!METHODS.includes(method)) {
      return textAnswer(405, 'Only GET, HEAD and POST.', { allow: METHODS.join(', ') });
    }
    if (!isOwnHost(request.headers.host, certificate)) {
      return textAnswer(421, 'This gateway is not known by that name: use its address.');
    }
    if (method === 'POST' && !isOwnOrigin(request.headers.origin, request.headers.host)) {
      return textAnswer(403, 'Asked by a page of somebody else.');
    }
    const target = request.url ?? '/';
    if (target.length > URL_LENGTH || !target.startsWith('/')) return textAnswer(400, 'What?');
    const { pathname: path, searchParams: query } = new URL(`http://gateway${target}`);
    const file = method === 'POST' ? undefined : files.answer(path);
    if (file) return file;
    const visitor = await loginOf(request, access(), anonymous);
    return (
      (await route({ method, path, query, visitor })) ?? textAnswer(404, 'There is nothing here.')
    );
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Nobody is sent a body to read; what comes of one is let run off.
    request.resume();
    const found = await answer(request).catch((error: unknown): Answer => {
      log.error({ error, path: request.url?.slice(0, 100) }, 'a request could not be answered');
      return textAnswer(500, 'The gateway could not answer; its log says why.');
    });
    const { bytes, encoding } = await bodyOf(found, request);
    response.writeHead(found.status, {
      ...SECURITY_HEADERS,
      ...found.headers,
      ...encoding,
      'content-type': found.type,
      'content-length': bytes.length,
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };

  const onChanged = (context: SecureContextOptions): void => {
    certificate = new X509Certificate(context.cert as Buffer);
    (server as HttpsServer).setSecureContext(context);
  };

  const upgrade = (enter: Upgrade) => (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { host: name, origin } = request.headers;
    const path = request.url?.split('?')[0];
    const refused =
      path !== MQTT_PATH
        ? '404 Not Found'
        : isOwnHost(name, certificate) && isOwnOrigin(origin, name)
          ? undefined
          : '403 Forbidden';
    if (refused === undefined) return enter(request, socket, head);
    socket.on('error', () => undefined);
    socket.end(`HTTP/1.1 ${refused}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  };

  return {
    name: 'http',
    get url() {
      return url;
    },
    async start() {
      files = readPageFiles(pageFolder);
      certificates = config.tls && new Certificates({ ...parts, tls: config.tls, onChanged });
      const context = certificates?.context;
      certificate = context && new X509Certificate(context.cert as Buffer);
      server = context ? createHttpsServer({ ...context, ...LIMITS }) : createServer(LIMITS);
      server.maxConnections = SOCKETS;
      server.keepAliveTimeout = IDLE_MS;
      server.on('connection', (socket: Socket) => {
        socket.setNoDelay(true);
        // A browser that died without a word is found by the kernel.
        socket.setKeepAlive(true, KEEPALIVE_MS);
      });
      server.on('request', (request, response) => void serve(request, response));
      server.on('upgrade', upgrade(await upgradeHandler(anonymous)));
      await listen(server, host, port).catch((error: unknown) => {
        certificates?.stop();
        throw error;
      });
      server.on('error', (error) => log.warn({ error }, 'the page is in trouble'));
      const { port: taken } = server.address() as AddressInfo;
      const name = host.includes(':') ? `[${host}]` : host;
      url = `${context ? 'https' : 'http'}://${name}:${taken}/`;
      log.info({ url }, 'the page is open');
    },
    trouble: () => certificates?.trouble(),
    async stop() {
      certificates?.stop();
      const closing = server;
      if (!closing) return;
      // What was a WebSocket is the broker's by now and ends with it.
      closing.close();
      closing.closeAllConnections();
    },
  };
}

/** The body as the peer takes it best. */
async function bodyOf(
  { body, zipped }: Answer,
  request: IncomingMessage,
): Promise<{ bytes: Buffer; encoding: Readonly<Record<string, string>> }> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const accepts = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  if (!accepts || bytes.length < LEAST_ZIPPED) {
    return { bytes, encoding: { vary: 'accept-encoding' } };
  }
  const small = await (zipped?.() ?? zip(bytes, { level: 5 }));
  return { bytes: small, encoding: { 'content-encoding': 'gzip', vary: 'accept-encoding' } };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void =>
      reject(new Error(listenError(cause, host, port, 'http'), { cause }));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
