import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const FOLDER =
  process.env.CELLGATE_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cellgate');
const KEPT_MS = 30 * 24 * 3600 * 1000;

/**
 * The folder that `make(folder)` once filled under this name, outside the checkout so that clones share it.
 * A name must change with all that `make` depends on. What nobody has used for a month is deleted.
 */
export function cached(name, make) {
  const place = join(FOLDER, name);
  if (!existsSync(place)) {
    mkdirSync(FOLDER, { recursive: true });
    deleteUnused();
    const making = mkdtempSync(join(FOLDER, '.making-'));
    try {
      make(making);
      renameSync(making, place);
    } catch (error) {
      rmSync(making, { recursive: true });
      // Another build was faster; its result is as good.
      if (!existsSync(place)) throw error;
    }
  }
  const now = new Date();
  utimesSync(place, now, now);
  return place;
}

function deleteUnused() {
  for (const name of readdirSync(FOLDER)) {
    const place = join(FOLDER, name);
    if (Date.now() - statSync(place).mtimeMs > KEPT_MS) rmSync(place, { recursive: true });
  }
}
