import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { TurnQuota } from '../base/turn-quota.ts';
import { packetLimit } from '../mqtt/packet-limit.ts';
import { type Admits, encryptedBytesOf, peerOf } from './peer.ts';
import {
  type Accept,
  DISCARDED_BYTES,
  ENDS_PER_TURN,
  LINGER_MS,
  type ProvenUser,
  type Transport,
} from './transport.ts';

export interface WebSocketUpgradeParts {
  /** Bytes of the largest payload. */
  readonly packet: number;
  readonly admits: Admits;
  readonly accept: Accept;
  /** Whether the request's origin is allowed: a browser names the page that it acts for. */
  isAllowed(request: IncomingMessage): boolean;
  /** The user that the request has proved; undefined where requests prove none. */
  provenBy?(request: IncomingMessage): ProvenUser | undefined;
}

/** Accepts an upgrade request, or refuses it with a status and a text. */
type Answer = (accepted: boolean, status?: number, text?: string) => void;

/** Handles an upgrade request of an HTTP server. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A packet that is a little too large is read, so that its client is answered with the reason. */
const SPARE_BYTES = 64 * 1024;
const SUB_PROTOCOL = /(^|[\s,])mqtt(v3\.1)?([\s,]|$)/;
const MISSING_SUB_PROTOCOL =
  'the sub-protocol mqtt is missing: send the header Sec-WebSocket-Protocol: mqtt\n';
const NOTHING = Buffer.alloc(0);

/** [MQTT-6.0.0-1 to 6.0.0-4]: binary frames of the sub-protocol `mqtt`, packets may be split anywhere. */
export function createWebSocketUpgradeHandler(parts: WebSocketUpgradeParts): Upgrade {
  const { packet, isAllowed } = parts;
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: packetLimit(packet) + SPARE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (protocols) =>
      protocols.has('mqtt') ? 'mqtt' : protocols.has('mqttv3.1') ? 'mqttv3.1' : false,
    verifyClient: ({ req }: { req: IncomingMessage }, answer: Answer) => {
      const offered = String(req.headers['sec-websocket-protocol'] ?? '');
      if (!isAllowed(req)) answer(false, 401);
      else if (!SUB_PROTOCOL.test(offered)) answer(false, 400, MISSING_SUB_PROTOCOL);
      else answer(true);
    },
  });
  const ends = new TurnQuota(ENDS_PER_TURN);
  webSockets.on('wsClientError', ({ message }, socket, { headers }) => {
    const offered = headers['sec-websocket-protocol'];
    refuse(socket, offered?.trim() === '' ? MISSING_SUB_PROTOCOL : `${message}\n`);
  });
  return (request, socket, head) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      carry(webSocket, request, parts, ends);
    });
  };
}

/** Answers a request that is no upgrade of version 13, and closes. */
function refuse(socket: Duplex, text: string): void {
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Connection: close',
    'Content-Type: text/plain',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Sec-WebSocket-Version: 13',
  ];
  socket.once('finish', () => socket.destroy());
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

function carry(
  webSocket: WebSocket,
  request: IncomingMessage,
  { admits, accept, provenBy }: WebSocketUpgradeParts,
  ends: TurnQuota,
): void {
  const { socket } = request;
  /** Bytes that had come at the end of the last frame. */
  let framed = socket.bytesRead;
  const frameEnded = (): void => {
    framed = socket.bytesRead;
  };
  const transport: Transport = {
    ...peerOf(socket, admits),
    proven: provenBy?.(request),
    copies: socket instanceof TLSSocket,
    get pending() {
      return webSocket.bufferedAmount;
    },
    get unfinishedBytes() {
      return socket.bytesRead - framed;
    },
    get encryptedBytes() {
      return encryptedBytesOf(socket);
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
  webSocket.on('ping', frameEnded);
  webSocket.on('pong', frameEnded);
  webSocket.on('message', (data, isBinary) => {
    frameEnded();
    if (!isBinary) events.violated('a text frame on a WebSocket');
    else events.data(data as Buffer);
  });
  socket.on('drain', () => events.drained());
  webSocket.on('close', () => ends.run(() => events.lost()));
  webSocket.on('error', () => discardRest(socket));
}

/** After a violation of the protocol `ws` reads on until the peer has closed: here only a little. */
function discardRest(socket: Socket): void {
  let discarded = 0;
  socket.on('data', ({ length }: Buffer) => {
    discarded += length;
    if (discarded > DISCARDED_BYTES) socket.destroy();
  });
}
