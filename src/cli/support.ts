import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { version } from '../base/version.ts';
import {
  secretsIn,
  withoutKeys,
  withoutSecrets,
  withoutValues,
} from '../config/yaml/without-secrets.ts';
import { readSecret } from '../uplink/secret.ts';
import { ask } from './ask.ts';
import { type ConfigOption, configFile, namedFolder } from './config-file.ts';
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
  const fail = (error: unknown): number => {
    io.stderr.write(`cellgate: can't write ${file}: ${messageOf(error)}\n`);
    return EXIT.trouble;
  };
  try {
    // Before the work: a folder that refuses the file is known at once, and no other user can read the file meanwhile.
    await writeFile(target, '', { flag: 'wx', mode: PRIVATE });
  } catch (error) {
    return fail(error);
  }
  try {
    await pack(target, partsOf(options, io, parts), await secretsOf(options, io), io);
  } catch (error) {
    await rm(target, { force: true });
    return fail(error);
  }
  io.stdout.write(
    `${file} has versions, state, log and the config without secrets; names of topics, users and hosts are in it: look into it before you send it\n`,
  );
  return EXIT.ok;
}

/** Collects the parts in a temporary folder and packs them, without the secrets. */
async function pack(
  target: string,
  parts: ReturnType<typeof partsOf>,
  secrets: readonly string[],
  io: Io,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'cellgate-support-'));
  try {
    const bundle = path.join(folder, NAME);
    await mkdir(bundle);
    for (const [name, part] of Object.entries(parts)) {
      if (io.stderr.isTTY) io.stderr.write(`${name}\n`);
      const text = await part().catch((error: unknown) => `not available: ${messageOf(error)}\n`);
      await writeFile(path.join(bundle, name), withoutValues(withoutKeys(text), secrets));
    }
    await execute('tar', ['-czf', target, '-C', folder, NAME], { timeout: COMMAND_MS });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** All secrets that the config has or names: a text of another part may have one. */
async function secretsOf(options: ConfigOption, io: Io): Promise<readonly string[]> {
  const file = path.resolve(io.cwd, configFile(options, io.env));
  const text = await readFile(file, 'utf8').catch(() => '');
  const { values, places } = secretsIn(text);
  const read = (place: string): string => {
    try {
      return readSecret(place, io.env);
    } catch {
      // One that can't be read here is in none of the parts.
      return '';
    }
  };
  return [...values, ...places.map(read)];
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
    // Where no journal can be read: in a container, or for a user without the right.
    'recent-log.txt': () =>
      outputOf(io, async (own) => recentLog(await namedFolder(options, io), own)),
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

/** The last lines that the running gateway has in memory. */
async function recentLog(folder: string, io: Io): Promise<number> {
  const lines = (await ask(folder, { ask: 'log' }, io)) as readonly string[] | undefined;
  io.stdout.write(lines ? lines.map((line) => `${line}\n`).join('') : 'no gateway runs\n');
  return lines ? EXIT.ok : EXIT.notRunning;
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
