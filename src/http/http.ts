import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import { installation } from '../base/version.ts';
import { OnceLog } from '../broker/stats/once-log.ts';
import type { HttpConfig } from '../config/schema/http.ts';
import { isLoopback } from '../config/schema/listeners.ts';
import { Certificates } from '../net/certificates.ts';
import { listenError } from '../net/listener.ts';
import type { Upgrade } from '../net/websocket.ts';
import { isFromOwnPage, isOwnHost, isOwnOrigin } from './guard.ts';
import { CLIENT_ID } from './login.ts';
import { createLoginRoutes } from './login-routes.ts';
import { attach, Logins } from './logins.ts';
import { readPageFiles } from './page-files.ts';
import { createRequests } from './requests.ts';
import { createRoutes, type RoutesParts } from './routes.ts';

export interface HttpParts extends RoutesParts {
  readonly config: HttpConfig;
  readonly log: Logger;
  readonly faults: Faults;
  readonly clock: Pick<Clock, 'wall' | 'monotonic'>;
}

/** The built page. */
const PAGE_FOLDER = join(installation, 'dist/page');
/** Receives the MQTT connections of the page. */
const MQTT_PATH = '/mqtt';
const LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 };
const SOCKETS = 200;
const IDLE_MS = 20_000;
const KEEPALIVE_MS = 60_000;
const SWEEP_MS = 60_000;

/** The page, its data, health and metrics over HTTP; MQTT over WebSocket on the same port, only for the gateway's own pages. */
export class Http implements Service {
  readonly name = 'http';
  readonly #parts: HttpParts;
  readonly #logins: Logins;
  #sweep: NodeJS.Timeout | undefined;
  #certificates: Certificates | undefined;
  #certificate: X509Certificate | undefined;
  #server: Server | undefined;
  #url: string | undefined;

  constructor(parts: HttpParts) {
    this.#parts = parts;
    this.#logins = new Logins({
      now: parts.clock.monotonic,
      isAdmitted: (identity) => parts.access.rightsOf(identity, CLIENT_ID) !== undefined,
    });
  }

  /** The server's address; undefined until it has started. */
  get url(): string | undefined {
    return this.#url;
  }

  async start(): Promise<void> {
    const { config, access, log, broker, clock } = this.#parts;
    const logins = this.#logins;
    const { host, port } = config;
    const anonymous = isLoopback(host);
    const files = readPageFiles(PAGE_FOLDER);
    const certificate = (): X509Certificate | undefined => this.#certificate;
    const route = createRoutes(this.#parts);
    const onceLog = new OnceLog(log, clock.monotonic);
    const loginRoute = createLoginRoutes({ access, logins, log, onceLog });
    const answer = createRequests({
      ...{ access, anonymous, log, logins, loginRoute, files, route, certificate },
    });
    const server = this.#createServer();
    server.on('request', (request, response) => {
      answer(request, response).catch((error: unknown) => {
        this.#parts.faults.caught('feed', 'answering a request to the page', error);
        response.destroy();
      });
    });
    const accept = await broker.webSocketUpgradeHandler({
      admits: { anonymous },
      provenBy: (request) => logins.of(request)?.identity,
    });
    server.on('upgrade', this.#upgrade(accept));
    await listen(server, host, port).catch((error: unknown) => {
      this.#certificates?.stop();
      throw error;
    });
    server.on('error', (error) => log.warn({ err: error }, 'the web server has reported an error'));
    const { port: taken } = server.address() as AddressInfo;
    const name = host.includes(':') ? `[${host}]` : host;
    this.#url = `${config.tls ? 'https' : 'http'}://${name}:${taken}/`;
    this.#sweep = setInterval(() => logins.sweep(), SWEEP_MS).unref();
    log.info({ url: this.#url }, 'the page is open');
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep);
    this.#certificates?.stop();
    const server = this.#server;
    if (!server) return;
    // A socket that became a WebSocket belongs to the broker, which closes it.
    server.close();
    server.closeAllConnections();
  }

  trouble(): string | undefined {
    return this.#certificates?.trouble();
  }

  #createServer(): Server {
    const { config, log, clock } = this.#parts;
    const onChanged = (context: SecureContextOptions): void => {
      this.#certificate = new X509Certificate(context.cert as Buffer);
      (this.#server as HttpsServer).setSecureContext(context);
    };
    this.#certificates =
      config.tls && new Certificates({ tls: config.tls, log, wall: clock.wall, onChanged });
    const context = this.#certificates?.context;
    this.#certificate = context && new X509Certificate(context.cert as Buffer);
    const server = context ? createHttpsServer({ ...context, ...LIMITS }) : createServer(LIMITS);
    server.maxConnections = SOCKETS;
    server.keepAliveTimeout = IDLE_MS;
    server.on('connection', (socket: Socket) => {
      socket.setNoDelay(true);
      // The kernel detects a browser that ended without closing its connection.
      socket.setKeepAlive(true, KEEPALIVE_MS);
    });
    this.#server = server;
    return server;
  }

  /** Passes WebSockets of the gateway's own pages to the broker and refuses all others. */
  #upgrade(accept: Upgrade) {
    return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      const { host, origin } = request.headers;
      const isOwn = isOwnHost(host, this.#certificate) && isOwnOrigin(origin, host);
      const login = isOwn ? this.#logins.of(request) : undefined;
      const isOwnLogin = !login || isFromOwnPage(request.method, request.headers);
      if (request.url?.split('?')[0] !== MQTT_PATH) return refuse(socket, '404 Not Found');
      if (!isOwn || !isOwnLogin) return refuse(socket, '403 Forbidden');
      if (login) attach(login, socket);
      accept(request, socket, head);
    };
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
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
