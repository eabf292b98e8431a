import { open, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** The kernel's files under /sys and /proc; tests use another root. */
export interface KernelFiles {
  /** The file's text without the trailing newline. */
  read(path: string): Promise<string>;
  list(path: string): Promise<string[]>;
  /** Free and total bytes of the file system of `path`. */
  space(path: string): Promise<{ free: number; total: number }>;
}

const LIMIT_BYTES = 1024 * 1024;

/** The kernel's files below `root`. Reads are limited to 1 MiB, as files in /proc do not know their size. */
export function createKernelFiles(root = '/'): KernelFiles {
  return {
    async read(path) {
      const file = await open(join(root, path));
      try {
        const chunks: Uint8Array[] = [];
        let length = 0;
        for (;;) {
          const { bytesRead, buffer } = await file.read(Buffer.alloc(16_384));
          if (bytesRead === 0) break;
          length += bytesRead;
          if (length > LIMIT_BYTES) throw new Error(`${path} has more than ${LIMIT_BYTES} bytes`);
          chunks.push(buffer.subarray(0, bytesRead));
        }
        return Buffer.concat(chunks).toString('utf8').replace(/\n$/, '');
      } finally {
        await file.close();
      }
    },
    async list(path) {
      return (await readdir(join(root, path))).sort();
    },
    async space(path) {
      const { bavail, blocks, bsize } = await statfs(join(root, path));
      return { free: bavail * bsize, total: blocks * bsize };
    },
  };
}
