import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, existsSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { installation } from '../base/version.ts';

export interface SupportBundleParts {
  /** The config file. */
  readonly config: string;
  /** The command line; by default the one of this installation. */
  readonly command?: readonly [program: string, ...args: string[]];
  readonly timeoutMs?: number;
  readonly mostBytes?: number;
}

/** A bundle as a file that is deleted once its stream has ended. */
export interface Bundle {
  readonly bytes: number;
  readonly stream: Readable;
}

const COMMAND = [process.execPath, join(installation, 'dist/program/cli.js')] as const;
/** What the command line writes about each part has its own limit of time; this is for all of them. */
const TIMEOUT_MS = 90_000;
const MOST_BYTES = 32 * 1024 * 1024;
const MOST_OUTPUT = 2000;
const BUSY = 'Another support bundle is made at this moment: try again.';

/**
 * The bundle of `cellgate support`, made by another process: reading the config and the log takes seconds, in which
 * the gateway continues. One at a time.
 */
export class SupportBundle {
  readonly #parts: SupportBundleParts;
  #isBusy = false;
  #child: ChildProcess | undefined;

  constructor(parts: SupportBundleParts) {
    this.#parts = parts;
  }

  /** Resolves with a sentence if there is none. */
  async create(): Promise<Bundle | string> {
    if (this.#isBusy) return BUSY;
    this.#isBusy = true;
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(tmpdir(), 'cellgate-bundle-'));
      const made = await this.#made(join(folder, 'bundle.tar.gz'), folder);
      if (typeof made === 'string') await remove(folder);
      return made;
    } catch (error) {
      if (folder !== undefined) await remove(folder);
      return `The support bundle could not be made: ${(error as Error).message}`;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Ends the process that makes one. */
  stop(): void {
    this.#child?.kill('SIGKILL');
  }

  async #made(file: string, folder: string): Promise<Bundle | string> {
    const { mostBytes = MOST_BYTES } = this.#parts;
    const said = await this.#run(['support', file, '--config', this.#parts.config]);
    const bytes = existsSync(file) ? (await stat(file)).size : 0;
    if (bytes === 0) return `The support bundle could not be made: ${said}`;
    if (bytes > mostBytes) {
      return `The support bundle has more than ${mostBytes} bytes: use cellgate support on the gateway.`;
    }
    const stream = createReadStream(file);
    stream.once('close', () => void remove(folder));
    return { bytes, stream };
  }

  /** Resolves with what the program has said about a failure, once it has ended. */
  #run(args: readonly string[]): Promise<string> {
    const { command = COMMAND, timeoutMs = TIMEOUT_MS } = this.#parts;
    const [program, ...first] = command;
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...first, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      this.#child = child;
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(0, MOST_OUTPUT);
      });
      const timer = setTimeout(() => {
        said = `it took more than ${timeoutMs / 1000} s`;
        child.kill('SIGKILL');
      }, timeoutMs);
      child.once('error', reject);
      child.once('close', () => {
        clearTimeout(timer);
        this.#child = undefined;
        resolve(said.trim());
      });
    });
  }
}

/** The folder is in the one for temporary files: a failure leaves it there. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}
