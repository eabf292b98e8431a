import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Group and others may write. */
const WRITABLE = 0o022;
/** Only the owner of a file in such a folder may replace it, as in /tmp. */
const STICKY = 0o1000;

/**
 * Why a user other than root and the one of this process could change a file or a folder on the way to it;
 * undefined when none could. Links are followed first. Rejects when there is no such file.
 */
export async function ownershipProblem(path: string): Promise<string | undefined> {
  const real = await realpath(path);
  for (let place = real; ; place = dirname(place)) {
    const { uid, mode } = await stat(place);
    if (uid !== 0 && uid !== process.getuid?.()) {
      return `${place} belongs to another user (${uid}), expected root or the user that runs the gateway`;
    }
    if ((mode & WRITABLE) !== 0 && (place === real || (mode & STICKY) === 0)) {
      return `${place} can be written by others, expected mode ${(mode & 0o755).toString(8)}`;
    }
    if (place === dirname(place)) return undefined;
  }
}
