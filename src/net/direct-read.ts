import type { Socket } from 'node:net';

/**
 * Hands every chunk of the socket to `take`, in order, as the socket's `push` gets it: not by way of the stream's
 * buffer, which costs a message that comes alone an event and a tick. While the stream is paused, or holds something,
 * chunks go its usual way; so does the end, and all of them where Node should no longer call `push`.
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
