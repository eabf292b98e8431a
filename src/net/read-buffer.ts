import { Socket, type SocketConstructorOpts } from 'node:net';

/** The connection of the operating system, which the type of a socket does not show. */
interface Connected {
  _handle: object | null;
}

/**
 * The accepted connection as a socket that reads all its bytes into `buffer` and passes each chunk to `take`, past the
 * stream; the chunk is valid until `take` returns. Node would allocate 64 KB for each read, which costs more than
 * routing the messages in it. Sockets may share the buffer. `accepted` must not be used any more. Undefined, and
 * `accepted` unchanged, where this version of Node offers no way.
 */
export function readInto(
  buffer: Buffer,
  accepted: Socket,
  take: (chunk: Buffer) => void,
): Socket | undefined {
  const connected = accepted as unknown as Connected;
  const handle = connected._handle;
  if (!handle) return undefined;
  const onread = {
    buffer,
    callback: (length: number, bytes: Uint8Array) => {
      take((bytes as Buffer).subarray(0, length));
      return true;
    },
  };
  const { allowHalfOpen } = accepted;
  // Node takes the handle of an accepted connection in this way itself, but gives its server's sockets no buffer.
  const socket = new Socket({ handle, allowHalfOpen, onread } as SocketConstructorOpts);
  if ((socket as unknown as Connected)._handle !== handle) return undefined;
  connected._handle = null;
  // The server counts the connection as open until the accepted socket is closed.
  socket.once('close', () => accepted.destroy());
  return socket;
}
