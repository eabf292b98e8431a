import { access, chown, constants, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A new text for a file, which is on disk beside it and not in its place yet. */
export interface ReplacedFile {
  /** Puts it in place of the file; resolves when that is on disk. */
  commit(): Promise<void>;
  /** Removes it, if it is not in place. */
  discard(): Promise<void>;
}

const WRITABLE = 0o222;
/** One name, so that a sudden end leaves one file at most. */
const SUFFIX = '.new';
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left',
  EDQUOT: 'no space is left for this user',
  EROFS: 'its file system is read-only',
  EACCES: 'its folder is not writable for the user of the gateway',
  EPERM: 'it belongs to another user than the gateway',
  ENOENT: 'it does not exist any more',
};

/**
 * Writes the new text of a file beside it, with the owner and the mode of the file, and resolves when it is on disk.
 * Links are followed. Rejects with a sentence; then nothing has changed.
 */
export async function prepareReplacement(name: string, bytes: Uint8Array): Promise<ReplacedFile> {
  const failed = (cause: unknown): Error => {
    const { code, message } = cause as NodeJS.ErrnoException;
    return new Error(`${name} can't be written: ${REASONS[code ?? ''] ?? code ?? message}`, {
      cause,
    });
  };
  let file = name;
  try {
    file = await realpath(name);
    await mayWrite(file);
    await writeBeside(file, bytes);
  } catch (error) {
    throw failed(error);
  }
  const next = `${file}${SUFFIX}`;
  return {
    async commit() {
      try {
        await rename(next, file);
      } catch (error) {
        throw failed(error);
      }
      // It is in place from here on; there are file systems that flush no folder.
      await syncFolder(dirname(file)).catch(() => undefined);
    },
    discard: () => rm(next, { force: true }),
  };
}

/** Also root respects a file that is read-only. */
async function mayWrite(file: string): Promise<void> {
  const { mode } = await stat(file);
  const readOnly = new Error('it is read-only for the user of the gateway');
  if ((mode & WRITABLE) === 0) throw readOnly;
  await access(file, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EACCES' ? readOnly : error;
  });
}

async function writeBeside(file: string, bytes: Uint8Array): Promise<void> {
  const next = `${file}${SUFFIX}`;
  const { uid, gid, mode } = await stat(file);
  await rm(next, { force: true });
  try {
    const handle = await open(next, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      const own = await handle.stat();
      if (own.uid !== uid || own.gid !== gid) await chown(next, uid, gid);
      await handle.chmod(mode & 0o7777);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** Resolves when the names of the files in the folder are on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
