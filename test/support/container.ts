import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../scripts/package/run.mjs';
import { debianRoot, whyNoDebian } from './debian.ts';
import { until } from './until.ts';

/** A program that runs until it is ended. */
export interface Watched {
  /** The whole lines that it has written. */
  lines(): string[];
  end(): Promise<void>;
}

/** A fresh Debian with a systemd of its own and no network but loopback, as a new machine would be. */
export interface Container {
  /** Its files, seen from outside. */
  readonly root: string;
  /** Runs a line of shell inside as root; output is of both streams. */
  sh(line: string): { status: number; output: string };
  /** A line of shell for this machine that runs a command inside as root, in the terminal that it is called in. */
  line(command: string): string;
  /** Runs a program of this machine in the container's network. */
  besides(program: string, ...args: string[]): { status: number; output: string };
  /** Starts such a program. */
  watch(program: string, ...args: string[]): Watched;
  stop(): Promise<void>;
}

const LIMIT_MS = 120_000;

/** What is missing for a container, as a sentence; undefined when one can be started. */
export function whyNoContainer(): string | undefined {
  const missing = ['systemd-nspawn', 'nsenter'].filter((name) => !existsSync(`/usr/bin/${name}`));
  return missing.length > 0 ? `not installed: ${missing.join(', ')}` : whyNoDebian();
}

/** Boots a fresh copy of the smallest Debian. */
export async function startContainer(): Promise<Container> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-container-'));
  const root = join(folder, 'root');
  run('cp', ['--archive', '--reflink=auto', debianRoot().root, root]);
  const options = ['--quiet', '--register=no', '--keep-unit', '--private-network', '--boot'];
  const nspawn = spawn('systemd-nspawn', [...options, '--console=passive', '--directory', root], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  nspawn.stderr.on('data', (chunk) => {
    complaint += chunk;
  });
  const ended = new Promise<void>((resolve) => nspawn.once('close', () => resolve()));
  const first = (): string =>
    spawnSync('pgrep', ['--parent', String(nspawn.pid)], { encoding: 'utf8' }).stdout.trim();
  const enter = (namespaces: string[], command: string[]) => {
    const args = ['--target', first(), ...namespaces, ...command];
    const { status, stdout, stderr } = spawnSync('nsenter', args, {
      encoding: 'utf8',
      timeout: LIMIT_MS,
    });
    return { status: status ?? -1, output: `${stdout}${stderr}` };
  };
  const clean = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C'];
  const container: Container = {
    root,
    sh: (line) => enter(['--all'], [...clean, 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', line]),
    line: (command) => ['nsenter', '--target', first(), '--all', ...clean, command].join(' '),
    besides: (program, ...args) => enter(['--net'], [program, ...args]),
    watch(program, ...args) {
      const child = spawn('nsenter', ['--target', first(), '--net', program, ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
      const closed = once(child, 'close');
      return {
        lines: () => output.split('\n').slice(0, -1),
        async end() {
          child.kill('SIGTERM');
          await closed;
        },
      };
    },
    async stop() {
      nspawn.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await until(
      'the container is up',
      () => {
        if (nspawn.exitCode !== null) throw new Error(`no container: ${complaint}`);
        return (
          first() !== '' &&
          /running|degraded/.test(container.sh('systemctl is-system-running').output)
        );
      },
      60_000,
    );
  } catch (error) {
    await container.stop();
    throw error;
  }
  return container;
}

/** A copy of a package with another version and whatever else `change` does to its unpacked files; not compressed. */
export function variant(
  deb: string,
  into: string,
  version: string,
  change: (root: string) => void = () => undefined,
): string {
  const root = mkdtempSync(join(tmpdir(), 'cellgate-variant-'));
  try {
    run('dpkg-deb', ['--raw-extract', deb, root]);
    run('sed', ['-i', `s/^Version: .*/Version: ${version}/`, join(root, 'DEBIAN/control')]);
    change(root);
    const file = join(into, `cellgate_${version}.deb`);
    run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', root, file]);
    return file;
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** Puts a file of this machine into the container's /root. */
export function bring(container: Container, file: string, name: string): void {
  cpSync(file, join(container.root, 'root', name));
}
