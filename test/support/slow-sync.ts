import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tool } from './tools.ts';

const SOURCE = fileURLToPath(new URL('./slow-sync.c', import.meta.url));

/** The C compiler; for `needs`. */
export const compiler: Tool = {
  path: ['/usr/bin/cc', '/usr/bin/gcc', '/usr/local/bin/cc'].find(existsSync),
  package: 'gcc libc6-dev',
};

export interface SlowSync {
  /** The environment of a process whose fsync takes longer; while the file exists, as long as it says, or it fails. */
  env(how: {
    readonly syncMs?: number;
    readonly controlFile?: string;
    /** Where nothing can be written while the file says `readonly`. */
    readonly folder?: string;
  }): NodeJS.ProcessEnv;
}

let compiled: SlowSync | undefined;

/** A disk with a slow or failing fsync, as a library to preload; compiled once a process. Throws where it can't be. */
export function compileSlowSync(): SlowSync {
  if (compiled) return compiled;
  if (!compiler.path) throw new Error(`no C compiler: install ${compiler.package}`);
  const library = join(mkdtempSync(join(tmpdir(), 'cellgate-slow-sync-')), 'slow-sync.so');
  const args = ['-O2', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl'];
  const { status, stderr } = spawnSync(compiler.path, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${SOURCE} does not compile: ${stderr}`);
  compiled = {
    env: ({ syncMs, controlFile, folder }) => ({
      LD_PRELOAD: library,
      ...(syncMs ? { SLOW_SYNC_MS: String(syncMs) } : {}),
      ...(controlFile ? { SLOW_SYNC_FILE: controlFile } : {}),
      ...(folder ? { READONLY_FOLDER: folder } : {}),
    }),
  };
  return compiled;
}
