import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { TurnQuota } from '../base/turn-quota.ts';
import type { ListenerConfig } from '../config/schema/listeners.ts';
import { Certificates } from './certificates.ts';
import { readDirectly } from './direct-read.ts';
import { handshakeFailure } from './handshake-failures.ts';
import { isAllowedOrigin } from './origin.ts';
import { encryptedBytesOf, peerOf } from './peer.ts';
import { readInto } from './read-buffer.ts';
import {
  type Accept,
  ENDS_PER_TURN,
  LINGER_MS,
  type Transport,
  type TransportEvents,
} from './transport.ts';

/** An open listener. */
export interface Listener {
  readonly url: string;
  /** The problem of its certificate. */
  trouble(): string | undefined;
  /** Accepts no more connections; those that are open after `LINGER_MS` are destroyed. */
  stop(): Promise<void>;
}

export interface ListenerParts {
  readonly config: ListenerConfig;
  /** Its index in `broker.listeners`, for error messages. */
  readonly index: number;
  readonly limits: {
    readonly packet: number;
    readonly tcpKeepalive: number;
    readonly connections: number;
  };
  /** Sockets above `limits.connections` that may be open. */
  readonly spareSockets?: number;
  readonly accept: Accept;
  /** Where connections without TLS put what they read; each chunk is valid until the event has been handled. */
  readonly readBuffer: Buffer;
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Logger;
  /** Called when a connection could not be accepted; the listener stays open. */
  onTrouble(error: Error): void;
  /** A TLS handshake with this address has failed. */
  onHandshakeFailed(address: string, reason: string): void;
}

/** Connections that the kernel may hold until they are accepted; it takes no more than its `somaxconn`. */
const BACKLOG = 4096;
const NOTHING = Buffer.alloc(0);
/** Accepted sockets that become connections in one turn: libuv accepts all that the kernel has queued. */
const ACCEPTS_PER_TURN = 16;
const HANDSHAKE_MS = 10_000;
/** Sockets above the clients' limit: in their handshake, being refused or closing. */
const SPARE_SOCKETS = 5000;

/** Opens the listener; rejects with an error that names the key to change when the address can't be used. */
export async function openListener(parts: ListenerParts): Promise<Listener> {
  const { config, limits, clock, log } = parts;
  const certificates =
    config.tls &&
    new Certificates({
      tls: config.tls,
      wall: () => clock.wall(),
      log,
      onChanged: (context) => (server as TlsServer).setSecureContext(context),
    });
  const tls = certificates && {
    ...certificates.context,
    requestCert: config.tls?.clientCert !== 'none',
    rejectUnauthorized: config.tls?.clientCert === 'required',
    handshakeTimeout: HANDSHAKE_MS,
  };
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    // The kernel detects a lost peer, whatever keepalive its client has chosen.
    socket.setKeepAlive(true, limits.tcpKeepalive);
  };
  const server =
    config.protocol === 'ws'
      ? await createWebSocketServer(parts, tls, onSocket)
      : createTcpServer(parts, tls, onSocket);
  if (tls) watchHandshakes(server as TlsServer, parts);
  server.maxConnections = limits.connections + (parts.spareSockets ?? SPARE_SOCKETS);
  await listen(server, parts).catch((error: unknown) => {
    certificates?.stop();
    throw error;
  });
  return {
    url: urlOf(server, config),
    trouble: () => certificates?.trouble(),
    async stop() {
      certificates?.stop();
      closeServer(server, sockets);
      await Promise.resolve();
    },
  };
}

function createTcpServer(
  { config, accept, readBuffer }: ListenerParts,
  tls: TlsOptions | undefined,
  onSocket: (socket: Socket) => void,
): Server {
  const ends = new TurnQuota(ENDS_PER_TURN);
  const accepts = new TurnQuota(ACCEPTS_PER_TURN);
  const onConnection = (accepted: Socket): void => {
    let take: (chunk: Buffer) => void = () => undefined;
    const own = tls ? undefined : readInto(readBuffer, accepted, (chunk) => take(chunk));
    const socket = own ?? accepted;
    onSocket(socket);
    const events = carryTcp(socket, config, accept, ends);
    if (!events) return;
    take = (chunk) => events.data(chunk);
    if (!own) readDirectly(accepted, take);
    if (!tls) socket.resume();
  };
  if (!tls) {
    // Node closes its side at once where a socket may not be half open: thousands of them in one turn.
    const options = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true };
    return createServer(options, (accepted) => accepts.run(() => onConnection(accepted)));
  }
  const server = createTlsServer(tls, onConnection);
  return server;
}

/** The server closes the socket of a failed handshake: that is the peer's fault. */
function watchHandshakes(server: TlsServer, { onHandshakeFailed }: ListenerParts): void {
  // A socket that has ended does not know its address any more, and only its private field leads to the one below it:
  // without that field the address is unknown.
  const addresses = new WeakMap<object, string>();
  server.prependListener('connection', (socket: Socket) => {
    addresses.set(socket, socket.remoteAddress ?? 'unknown');
  });
  server.on('tlsClientError', (error: Error, socket: TLSSocket & { _parent?: Socket }) => {
    const address = addresses.get(socket._parent ?? socket) ?? socket.remoteAddress ?? 'unknown';
    onHandshakeFailed(address, handshakeFailure(error));
  });
}

async function createWebSocketServer(
  { config, limits, accept, onTrouble }: ListenerParts,
  tls: TlsOptions | undefined,
  onSocket: (socket: Socket) => void,
): Promise<HttpServer> {
  const { createWebSocketUpgradeHandler } = await import('./websocket.ts');
  const server = tls ? createHttpsServer(tls) : createHttpServer();
  server.on('connection', onSocket);
  const isAllowed = ({ headers }: IncomingMessage): boolean => {
    if (isAllowedOrigin(headers.origin, headers.host, config.origins ?? [])) return true;
    const page = JSON.stringify(headers.origin?.slice(0, 100));
    onTrouble(new Error(`a page of ${page}, which is not in origins`));
    return false;
  };
  const upgrade = { packet: limits.packet, admits: config, accept, isAllowed };
  server.on('upgrade', createWebSocketUpgradeHandler(upgrade));
  server.on('request', (_request, response) => {
    response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' });
    response.end('This port speaks MQTT over WebSocket (sub-protocol mqtt).\n');
  });
  return server;
}

function urlOf(server: Server | HttpServer, { host, protocol, tls }: ListenerConfig): string {
  const { port } = server.address() as AddressInfo;
  const scheme = protocol === 'ws' ? (tls ? 'wss' : 'ws') : tls ? 'mqtts' : 'mqtt';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Accepts no more connections; destroys the sockets that have sent nothing, and after `LINGER_MS` all others. */
function closeServer(server: Server | HttpServer, sockets: ReadonlySet<Socket>): void {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // In another turn of the event loop, so that connections can be closed properly first.
  setImmediate(() => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  });
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, LINGER_MS);
  void closed.then(() => clearTimeout(timer));
}

function listen(server: Server | HttpServer, parts: ListenerParts): Promise<void> {
  const { config, index, onTrouble } = parts;
  const { host, port } = config;
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void =>
      reject(new Error(listenError(cause, host, port, `broker.listeners[${index}]`), { cause }));
    server.on('error', fail);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', fail);
      server.on('error', onTrouble);
      resolve();
    });
  });
}

/** A sentence: why a port could not be opened, and the `key` of the config to change. */
export function listenError(
  cause: NodeJS.ErrnoException,
  host: string,
  port: number,
  key: string,
): string {
  switch (cause.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is in use by another program: stop that one, or change ${key}.port`;
    case 'EACCES':
      return `port ${port} on ${host} is not allowed for this user: change ${key}.port to one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine: change ${key}.host`;
    default:
      return `can't listen on ${host}:${port} (${cause.code ?? cause.message}): change ${key}`;
  }
}

/** Connects the socket with its new connection, which does not get its bytes yet; undefined for a refused one. */
function carryTcp(
  socket: Socket,
  config: ListenerConfig,
  accept: Accept,
  ends: TurnQuota,
): TransportEvents | undefined {
  const transport: Transport = {
    ...peerOf(socket, config),
    copies: socket instanceof TLSSocket,
    get pending() {
      return socket.writableLength;
    },
    get encryptedBytes() {
      return encryptedBytesOf(socket);
    },
    write: (bytes) => void socket.write(bytes),
    writeBoth(first, second) {
      socket.cork();
      socket.write(first);
      socket.write(second);
      socket.uncork();
    },
    onceTaken: (callback) => void socket.write(NOTHING, callback),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      // The peer's end follows the gateway's own: a second one would cost an error and a timer.
      if (socket.writableEnded) return;
      socket.end();
      // Received bytes are discarded, so that the end of the stream is detected.
      socket.resume();
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(timer));
    },
    destroy: () => void socket.destroy(),
  };
  const events = accept(transport);
  if (!events) {
    socket.destroy();
    return undefined;
  }
  socket.on('drain', () => events.drained());
  socket.on('end', () =>
    ends.run(() => {
      events.lost();
      // The peer may still read the sent bytes, for a limited time.
      transport.end();
    }),
  );
  socket.on('close', () => events.lost());
  // 'close' follows; the connection handles only that.
  socket.on('error', () => undefined);
  return events;
}
