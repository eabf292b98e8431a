import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { peerOf } from './peer.ts';
import { type Accept, LINGER_MS, type Transport } from './transport.ts';

export interface WebSocketUpgradeParts {
  /** Bytes of the largest packet. */
  readonly packet: number;
  /** Whether clients without a user and a certificate may be admitted. */
  readonly anonymous: boolean;
  readonly accept: Accept;
  /** Whether the request's origin is allowed: a browser names the page that it acts for. */
  isAllowed(request: IncomingMessage): boolean;
}

/** Handles an upgrade request of an HTTP server. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const LEAST_FRAME = 64 * 1024;
const NOTHING = Buffer.alloc(0);

/** [MQTT-6.0.0-1 to 6.0.0-4]: binary frames of the sub-protocol `mqtt`, packets may be split anywhere. */
export function createWebSocketUpgradeHandler(parts: WebSocketUpgradeParts): Upgrade {
  const { packet, anonymous, accept, isAllowed } = parts;
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: Math.max(packet, LEAST_FRAME),
    perMessageDeflate: false,
    handleProtocols: (protocols) =>
      protocols.has('mqtt') ? 'mqtt' : protocols.has('mqttv3.1') ? 'mqttv3.1' : false,
    verifyClient: ({ req }: { req: IncomingMessage }) =>
      isAllowed(req) &&
      /(^|[\s,])mqtt(v3\.1)?([\s,]|$)/.test(String(req.headers['sec-websocket-protocol'] ?? '')),
  });
  webSockets.on('wsClientError', (_error, socket) => socket.destroy());
  return (request, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      carry(webSocket, request.socket, anonymous, accept);
    });
  };
}

function carry(webSocket: WebSocket, socket: Socket, anonymous: boolean, accept: Accept): void {
  const transport: Transport = {
    ...peerOf(socket, anonymous),
    copies: socket instanceof TLSSocket,
    get pending() {
      return webSocket.bufferedAmount;
    },
    write(bytes) {
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(bytes, { binary: true });
    },
    onceTaken: (callback) => void socket.write(NOTHING, callback),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    end() {
      webSocket.resume();
      webSocket.close();
      const timer = setTimeout(() => webSocket.terminate(), LINGER_MS);
      webSocket.once('close', () => clearTimeout(timer));
    },
    destroy: () => webSocket.terminate(),
  };
  const events = accept(transport);
  if (!events) {
    webSocket.terminate();
    return;
  }
  webSocket.on('message', (data, isBinary) => {
    if (!isBinary) events.violated('a text frame on a WebSocket');
    else events.data(data as Buffer);
  });
  socket.on('drain', () => events.drained());
  webSocket.on('close', () => events.lost());
  webSocket.on('error', () => undefined);
}
