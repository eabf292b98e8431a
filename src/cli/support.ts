import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { version } from '../base/version.ts';
import { withoutSecrets } from '../config/yaml/without-secrets.ts';
import { type ConfigOption, configFile } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import type { Parts } from './verb.ts';

export type SupportOptions = ConfigOption;

/** The folder in the bundle. */
const NAME = 'cellgate-support';
/** The log may be long: the end of it says what is wrong now. */
const LOG_LINES = '5000';
const LOG_BYTES = 16 * 1024 * 1024;
const COMMAND_MS = 20_000;
const PRIVATE = 0o600;

const execute = promisify(execFile);

/**
 * `support FILE`: what those who help need to know, as a tar archive: versions, state, log, results of `check`, `doctor`
 * and `probe`, and the config without secrets and comments. A part that is not available has the reason in its place.
 */
export async function support(
  file: string,
  options: SupportOptions,
  io: Io,
  parts: Parts,
): Promise<number> {
  const target = path.resolve(io.cwd, file);
  if (existsSync(target)) {
    io.stderr.write(`cellgate: ${file} is there already: name a new file\n`);
    return EXIT.usage;
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'cellgate-support-'));
  try {
    const bundle = path.join(folder, NAME);
    await mkdir(bundle);
    for (const [name, part] of Object.entries(partsOf(options, io, parts))) {
      if (io.stderr.isTTY) io.stderr.write(`${name}\n`);
      const text = await part().catch((error: unknown) => `not available: ${messageOf(error)}\n`);
      await writeFile(path.join(bundle, name), text);
    }
    await execute('tar', ['-czf', target, '-C', folder, NAME], { timeout: COMMAND_MS });
    await chmod(target, PRIVATE);
    io.stdout.write(
      `${file} has versions, state, log and the config without secrets; names of topics, users and hosts are in it: look into it before you send it\n`,
    );
    return EXIT.ok;
  } catch (error) {
    io.stderr.write(`cellgate: can't write ${file}: ${messageOf(error)}\n`);
    return EXIT.trouble;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The files of the bundle, by their names. */
function partsOf(
  options: ConfigOption,
  io: Io,
  parts: Parts,
): Readonly<Record<string, () => Promise<string>>> {
  const { drivers } = parts;
  return {
    'versions.txt': async () =>
      `cellgate ${version}\nNode ${process.version} ${process.arch}\n${await readFile('/proc/version', 'utf8')}`,
    'config.yaml': async () =>
      withoutSecrets(await readFile(path.resolve(io.cwd, configFile(options, io.env)), 'utf8')),
    'check.txt': () =>
      outputOf(io, async (own) => {
        const { check } = await import('./check.ts');
        return check(options, own, drivers);
      }),
    'status.json': () =>
      outputOf(io, async (own) => {
        const { status } = await import('./status.ts');
        return status({ ...options, json: true }, own, drivers);
      }),
    'doctor.txt': () =>
      outputOf(io, async (own) => {
        const { doctor } = await import('./doctor.ts');
        const { askTimedatectl } = await import('../runtime/time-sync.ts');
        const { createKernelFiles } = await import('../buses/kernel-files.ts');
        return doctor(options, own, { drivers, files: createKernelFiles(), askTimedatectl });
      }),
    'queues.txt': () =>
      outputOf(io, async (own) => {
        const { queue } = await import('./queue.ts');
        return queue('list', options, own, drivers);
      }),
    'log.txt': async () => {
      const args = [
        '--unit',
        'cellgate',
        '--lines',
        LOG_LINES,
        '--no-pager',
        '--output',
        'short-iso',
      ];
      const limits = { timeout: COMMAND_MS, maxBuffer: LOG_BYTES };
      return (await execute('journalctl', args, limits)).stdout;
    },
  };
}

/** What a verb writes, and its exit code. */
async function outputOf(io: Io, run: (io: Io) => Promise<number>): Promise<string> {
  let text = '';
  const stream = {
    write(more: string, done?: (error?: Error | null) => void): void {
      text += more;
      done?.();
    },
  };
  const code = await run({ ...io, stdout: stream, stderr: stream });
  return code === EXIT.ok ? text : `${text}(exit code ${code})\n`;
}
