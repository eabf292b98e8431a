import type { Socket } from 'node:net';

/**
 * Hands every chunk of the socket to `take`, in order, when the socket's `push` gets it, without the stream's buffer:
 * for a message that comes alone that would cost an event and a tick. While the stream is paused or its buffer is not
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
