import { closeSync, openSync, readSync, statfsSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { SlowReply, SlowRequest } from './slow-files.ts';

// A thread for files whose reads block: it calls the kernel directly, so no thread of libuv is occupied.

const CHUNK_BYTES = 16_384;

function read(path: string, limitBytes: number): string {
  const fd = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks).toString('utf8');
      length += count;
      if (length > limitBytes) throw new Error(`${path} has more than ${limitBytes} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

function answer(request: SlowRequest): SlowReply {
  if (request.kind === 'read') return { text: read(request.path, request.limitBytes) };
  const { bavail, blocks, bsize } = statfsSync(request.path);
  return { space: { free: bavail * bsize, total: blocks * bsize } };
}

parentPort!.on('message', (request: SlowRequest) => {
  try {
    parentPort!.postMessage(answer(request));
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    parentPort!.postMessage({ failed: message, ...(code === undefined ? {} : { code }) });
  }
});
