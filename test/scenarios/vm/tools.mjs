/** What the scripts that make the image have in common. Node builtins only. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where a program is that a package brings; undefined when it is not installed. */
export function findProgram(name) {
  const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A field of a package as apt's lists have it. */
export function aptShow(name, field) {
  const { stdout } = spawnSync('apt-cache', ['show', '--no-all-versions', name], {
    encoding: 'utf8',
  });
  return new RegExp(`^${field}: (.*)$`, 'm').exec(stdout ?? '')?.[1];
}

/** Runs a program, with a line on the terminal where it takes a while; returns what it printed, throws when it fails. */
export function run(what, command, args, cwd) {
  if (what) process.stdout.write(`${what} … `);
  const started = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  if (status !== 0) {
    if (what) process.stdout.write('failed\n');
    const said = `${stderr ?? ''}${error?.message ?? ''}`.trim();
    throw new Error(`${command} ${args.join(' ')}: ${said || `ended with ${status}`}`);
  }
  if (what) {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`done in ${seconds} s\n`);
  }
  return stdout;
}

/** Twelve letters that change when any of the parts does. */
export function digest(parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 12);
}
