import type { IncomingMessage } from 'node:http';

/**
 * The body of a request; undefined if it has more than so many bytes, and then no more of it is kept. Rejects when the
 * connection ends before it.
 */
export function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer | undefined> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > mostBytes) return Promise.resolve(undefined);
  if (request.destroyed) return Promise.reject(ended());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const receive = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > mostBytes) {
        request.off('data', receive);
        resolve(undefined);
      } else chunks.push(chunk);
    };
    request.on('data', receive);
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
    request.once('close', () => reject(ended()));
  });
}

function ended(): Error {
  return new Error('the connection has ended before the request');
}
