import type { Socket } from 'node:net';

/**
 * Calls `take` with every chunk of the socket, in order, directly from the socket's `push`, without the stream's buffer:
 * the buffer would cost an event and a tick for a single message. While the stream is paused or its buffer is not
 * empty, chunks pass through the stream as usual; so does the end, and everything if Node no longer calls `push`.
 */
export function readDirectly(socket: Socket, take: (chunk: Buffer) => void): void {
  const { push } = socket;
  socket.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0) {
      return push.call(socket, chunk, encoding);
    }
    take(chunk);
    return true;
  };
  socket.on('data', take);
}
