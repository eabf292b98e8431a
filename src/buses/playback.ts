import { BusError } from './bus-error.ts';
import type { I2cDevice } from './i2c-device.ts';
import type { KernelFiles } from './kernel-files.ts';

/** One transfer in hex: what must be written, and what comes back or how it fails. */
export type Transfer =
  | { readonly write: string; readonly read: string }
  | { readonly write: string; readonly error: string };

/** A chip with scripted answers. */
export interface PlaybackDevice extends I2cDevice {
  /** Throws unless every transfer was used and all were as expected. */
  done(): void;
}

/** A chip that answers as scripted; it rejects a transfer that differs, with the expected and the actual one. */
export function playback(transfers: readonly Transfer[]): PlaybackDevice {
  let next = 0;
  let deviation: Error | undefined;

  const deviate = (message: string): Error => {
    deviation ??= new Error(message);
    return deviation;
  };

  return {
    async transfer(write, readLength) {
      const step = transfers[next];
      const got = describe(Buffer.from(write).toString('hex'), readLength);
      next += 1;
      if (step === undefined) {
        throw deviate(`transfer ${next}: expected none after ${transfers.length}, got ${got}`);
      }
      const scripted = 'read' in step ? Buffer.from(step.read, 'hex') : undefined;
      const expected = describe(step.write.toLowerCase(), scripted?.length ?? readLength);
      if (expected !== got) {
        throw deviate(`transfer ${next} of ${transfers.length}: expected ${expected}, got ${got}`);
      }
      if (scripted === undefined) throw new BusError('failed', 'error' in step ? step.error : '');
      return Uint8Array.from(scripted);
    },
    done() {
      if (deviation !== undefined) throw deviation;
      const step = transfers[next];
      if (step === undefined) return;
      const left = transfers.length - next;
      throw new Error(
        `${left} of ${transfers.length} transfers not used, the next writes ${step.write || 'nothing'}`,
      );
    },
  };
}

function describe(write: string, readLength: number): string {
  return `write ${write || 'nothing'}, read ${readLength} bytes`;
}

/** Files in memory, by absolute path, and where symbolic links lead; a missing one rejects with ENOENT as in the kernel. */
export function playbackFiles(
  files: Map<string, string>,
  space = { free: 0, total: 0 },
  links: ReadonlyMap<string, string> = new Map(),
): KernelFiles {
  const missing = (path: string): Error =>
    Object.assign(new Error(`ENOENT: no such file or directory, '${path}'`), { code: 'ENOENT' });
  return {
    async read(path) {
      const text = files.get(path);
      if (text === undefined) throw missing(path);
      return text.replace(/\n$/, '');
    },
    async list(path) {
      const inside = [...files.keys()].filter((name) => name.startsWith(`${path}/`));
      if (inside.length === 0) throw missing(path);
      const names = inside.map((name) => name.slice(path.length + 1).split('/')[0] ?? '');
      return [...new Set(names)].sort();
    },
    realPath: async (path) => links.get(path) ?? path,
    space: async () => space,
  };
}
