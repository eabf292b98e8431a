import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { Access } from '../access/access.ts';
import type { Clock } from '../base/clock.ts';
import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import { installation } from '../base/version.ts';
import type { HttpConfig } from '../config/schema/http.ts';
import { isLoopback } from '../config/schema/listeners.ts';
import { Certificates } from '../net/certificates.ts';
import { listenError } from '../net/listener.ts';
import type { Upgrade } from '../net/websocket.ts';
import { isOwnHost, isOwnOrigin } from './guard.ts';
import { readPageFiles } from './page-files.ts';
import { createRequests } from './requests.ts';
import { createRoutes, type RoutesParts } from './routes.ts';

export interface HttpParts extends RoutesParts {
  readonly config: HttpConfig;
  readonly access: Access;
  readonly log: Logger;
  readonly faults: Faults;
  readonly clock: Pick<Clock, 'wall'>;
}

/** The built page. */
const PAGE_FOLDER = join(installation, 'dist/page');
/** Receives the MQTT connections of the page. */
const MQTT_PATH = '/mqtt';
const LIMITS = { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 10_000 };
const SOCKETS = 200;
const IDLE_MS = 20_000;
const KEEPALIVE_MS = 60_000;

/** The page, its data, health and metrics over HTTP; MQTT over WebSocket on the same port, only for the gateway's own pages. */
export class Http implements Service {
  readonly name = 'http';
  readonly #parts: HttpParts;
  #certificates: Certificates | undefined;
  #certificate: X509Certificate | undefined;
  #server: Server | undefined;
  #url: string | undefined;

  constructor(parts: HttpParts) {
    this.#parts = parts;
  }

  /** The server's address; undefined until it has started. */
  get url(): string | undefined {
    return this.#url;
  }

  async start(): Promise<void> {
    const { config, access, log, broker } = this.#parts;
    const { host, port } = config;
    const anonymous = isLoopback(host);
    const files = readPageFiles(PAGE_FOLDER);
    const certificate = (): X509Certificate | undefined => this.#certificate;
    const route = createRoutes(this.#parts);
    const answer = createRequests({ access, anonymous, log, files, route, certificate });
    const server = this.#createServer();
    server.on('request', (request, response) => {
      answer(request, response).catch((error: unknown) => {
        this.#parts.faults.caught('feed', 'answering a request to the page', error);
        response.destroy();
      });
    });
    server.on('upgrade', this.#upgrade(await broker.webSocketUpgradeHandler(anonymous)));
    await listen(server, host, port).catch((error: unknown) => {
      this.#certificates?.stop();
      throw error;
    });
    server.on('error', (error) => log.warn({ err: error }, 'the web server has reported an error'));
    const { port: taken } = server.address() as AddressInfo;
    const name = host.includes(':') ? `[${host}]` : host;
    this.#url = `${config.tls ? 'https' : 'http'}://${name}:${taken}/`;
    log.info({ url: this.#url }, 'the page is open');
  }

  async stop(): Promise<void> {
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
      if (request.url?.split('?')[0] !== MQTT_PATH) refuse(socket, '404 Not Found');
      else if (isOwn) accept(request, socket, head);
      else refuse(socket, '403 Forbidden');
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
