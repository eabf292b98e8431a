import { open, readdir, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createSlowFiles, type SlowFiles } from './slow-files.ts';

/** The kernel's files under /sys and /proc; tests use another root. */
export interface KernelFiles {
  /**
   * The file's text without the trailing newline. With a place, such as the bus or the chip that the kernel asks for the
   * value, the read may block: reads of one place come one after the other, and nothing else waits for them.
   */
  read(path: string, place?: string): Promise<string>;
  list(path: string): Promise<string[]>;
  /** The path without symbolic links: where a device is. */
  realPath(path: string): Promise<string>;
  /** Free and total bytes of the file system of `path`. */
  space(path: string): Promise<{ free: number; total: number }>;
}

const LIMIT_BYTES = 1024 * 1024;

/** The kernel's files below `root`. Reads are limited to 1 MiB, as files in /proc do not know their size. */
export function createKernelFiles(
  root = '/',
  slow: SlowFiles = createSlowFiles(),
): KernelFiles & { close(): void } {
  const trimmed = (text: string): string => text.replace(/\n$/, '');
  return {
    async read(path, place) {
      if (place === undefined) return trimmed(await readQuick(join(root, path), path));
      const request = { kind: 'read', path: join(root, path), limitBytes: LIMIT_BYTES } as const;
      return trimmed((await slow.ask(place, request)).text ?? '');
    },
    async list(path) {
      return (await readdir(join(root, path))).sort();
    },
    async realPath(path) {
      return join('/', relative(await realpath(root), await realpath(join(root, path))));
    },
    async space(path) {
      // A network file system that is gone blocks without end.
      const { space } = await slow.ask(path, { kind: 'space', path: join(root, path) });
      return space ?? { free: 0, total: 0 };
    },
    close: () => slow.close(),
  };
}

async function readQuick(file: string, path: string): Promise<string> {
  const handle = await open(file);
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(16_384));
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > LIMIT_BYTES) throw new Error(`${path} has more than ${LIMIT_BYTES} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await handle.close();
  }
}
