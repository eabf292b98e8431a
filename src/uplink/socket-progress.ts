import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';

/** The bytes that were written to a connection since its start. */
export interface SocketProgress {
  /** Those that the other side has confirmed (TCP); those that this process has written, where that is not known. */
  readonly delivered: number;
  /** Those that were written and not delivered. */
  readonly waiting: number;
}

/** libuv's counts: Node shows the bytes that the kernel has not taken yet only for whole writes. */
interface CountingHandle {
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
}

/** The parts of a socket of Node that count bytes; a WebSocket's stream has none of them. */
interface CountingSocket {
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  readonly localPort?: number;
  readonly remotePort?: number;
  /** With TLS, that of the connection below is `_parent`: only there bytes move one by one. */
  readonly _handle?: (CountingHandle & { readonly _parent?: CountingHandle }) | null;
}

/** Columns of /proc/net/tcp. */
const [LOCAL, REMOTE, QUEUES] = [1, 2, 4] as const;

/** Bytes that came from the other side; 0 if the stream is not a socket. */
export function receivedBytes(stream: Duplex): number {
  const socket = stream as Duplex & CountingSocket;
  return socket._handle?._parent?.bytesRead ?? socket.bytesRead ?? 0;
}

/** How many of the written bytes have moved; it reads a table of the kernel. */
export async function socketProgress(stream: Duplex): Promise<SocketProgress> {
  const socket = stream as Duplex & CountingSocket;
  const below = socket._handle?._parent;
  const written = below?.bytesWritten ?? socket.bytesWritten ?? 0;
  const unsent = (below ?? socket._handle)?.writeQueueSize ?? socket.writableLength;
  const { localPort, remotePort } = socket;
  const queued =
    localPort === undefined || remotePort === undefined
      ? 0
      : await sendQueue(localPort, remotePort);
  const waiting = unsent + queued;
  return { delivered: written - waiting, waiting };
}

/** Bytes that the kernel has sent or will send and that are not confirmed; 0 if that can't be read. */
async function sendQueue(localPort: number, remotePort: number): Promise<number> {
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const table = await readFile(file, 'latin1').catch(() => '');
    const bytes = queueIn(table, localPort, remotePort);
    if (bytes !== undefined) return bytes;
  }
  return 0;
}

/** The send queue of the connection in a table of the kernel (proc_pid_net(5), tcp). */
export function queueIn(table: string, localPort: number, remotePort: number): number | undefined {
  const [local, remote] = [localPort, remotePort].map((port) => `:${hexPort(port)}`);
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (!columns[LOCAL]?.endsWith(local!) || !columns[REMOTE]?.endsWith(remote!)) continue;
    return Number.parseInt(columns[QUEUES]?.split(':')[0] ?? '', 16) || 0;
  }
  return undefined;
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
