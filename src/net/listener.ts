import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket, type Server as TlsServer } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/schema/listeners.ts';
import { Certificates } from './certificates.ts';
import { readDirectly } from './direct-read.ts';
import { isAllowedOrigin } from './origin.ts';
import { peerOf } from './peer.ts';
import { type Accept, LINGER_MS, type Transport } from './transport.ts';

/** A door that is open until `stop`. */
export interface Listener {
  readonly url: string;
  /** What is wrong with its certificate. */
  trouble(): string | undefined;
  stop(): Promise<void>;
}

export interface ListenerParts {
  readonly config: ListenerConfig;
  /** Its place under `broker.listeners`, for messages. */
  readonly index: number;
  readonly limits: {
    readonly packet: number;
    readonly tcpKeepalive: number;
    readonly connections: number;
  };
  readonly accept: Accept;
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Logger;
  /** Hears why a connection could not be accepted; the listener goes on. */
  onTrouble(error: Error): void;
}

const BACKLOG = 1024;
const NOTHING = Buffer.alloc(0);
const HANDSHAKE_MS = 10_000;
/** Sockets beyond the clients' limit: they shake hands, are being refused or linger. */
const SPARE_SOCKETS = 200;

/** Opens the listener; an address that is in use or not allowed is an error that names the key to change. */
export async function openListener(parts: ListenerParts): Promise<Listener> {
  const { config, limits, accept, clock, log } = parts;
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
    // A peer that died without a word is found by the kernel, whatever keepalive it asked for.
    socket.setKeepAlive(true, limits.tcpKeepalive);
  };
  let server: Server | HttpServer;
  if (config.protocol === 'ws') {
    const { createWebSocketUpgradeHandler } = await import('./websocket.ts');
    server = tls ? createHttpsServer(tls) : createHttpServer();
    server.on('connection', onSocket);
    const isAllowed = ({ headers }: IncomingMessage): boolean => {
      if (isAllowedOrigin(headers.origin, headers.host, config.origins ?? [])) return true;
      const page = JSON.stringify(headers.origin?.slice(0, 100));
      parts.onTrouble(new Error(`a page of ${page}, which is not in origins`));
      return false;
    };
    const upgrade = { packet: limits.packet, anonymous: config.anonymous, accept, isAllowed };
    server.on('upgrade', createWebSocketUpgradeHandler(upgrade));
    server.on('request', (_request, response) => {
      response.writeHead(426, { connection: 'close', 'content-type': 'text/plain' });
      response.end('This port speaks MQTT over WebSocket (sub-protocol mqtt).\n');
    });
  } else if (tls) {
    server = createTlsServer(tls, (socket) => {
      onSocket(socket);
      carryTcp(socket, config, accept);
    });
    // A failed handshake is the peer's trouble; it is closed by the server.
    server.on('tlsClientError', () => undefined);
  } else {
    server = createServer({ noDelay: true }, (socket) => {
      onSocket(socket);
      carryTcp(socket, config, accept);
    });
  }
  server.maxConnections = limits.connections + SPARE_SOCKETS;
  await listen(server, parts).catch((error: unknown) => {
    certificates?.stop();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  const scheme = config.protocol === 'ws' ? (tls ? 'wss' : 'ws') : tls ? 'mqtts' : 'mqtt';
  return {
    url: `${scheme}://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`,
    trouble: () => certificates?.trouble(),
    async stop() {
      certificates?.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Sockets that have become connections end with them; what still shakes hands ends here.
      setImmediate(() => {
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      });
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, LINGER_MS);
      void closed.then(() => clearTimeout(cut));
      await Promise.resolve();
    },
  };
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

/** Why a port could not be opened, and the `key` of the config to change. */
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

function carryTcp(socket: Socket, config: ListenerConfig, accept: Accept): void {
  const transport: Transport = {
    ...peerOf(socket, config.anonymous),
    copies: socket instanceof TLSSocket,
    get pending() {
      return socket.writableLength;
    },
    write: (bytes) => void socket.write(bytes),
    onceTaken: (callback) => void socket.write(NOTHING, callback),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end() {
      socket.end();
      // What was sent is read or the time is up; what still comes is not looked at.
      socket.resume();
      const cut = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(cut));
    },
    destroy: () => void socket.destroy(),
  };
  const events = accept(transport);
  if (!events) {
    socket.destroy();
    return;
  }
  readDirectly(socket, (chunk) => events.data(chunk));
  socket.on('drain', () => events.drained());
  socket.on('end', () => {
    events.lost();
    // The peer may still take what it was sent, but not for ever.
    transport.end();
  });
  socket.on('close', () => events.lost());
  // The close that follows tells all there is to tell.
  socket.on('error', () => undefined);
}
