import { existsSync, readFileSync } from 'node:fs';
import { cached } from '../../scripts/package/cache.mjs';
import { run } from '../../scripts/package/run.mjs';

/** As on Raspberry Pi OS without a desktop, as far as the package asks for it. */
const PACKAGES = ['systemd', 'systemd-sysv', 'udev', 'openssl'];

/** What is missing to make a root file system of Debian's, as a sentence; undefined when nothing is. */
export function whyNoDebian(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make a root file system';
  return existsSync('/usr/bin/mmdebstrap') ? undefined : 'not installed: mmdebstrap';
}

/**
 * The folder with the smallest Debian that has systemd, of the same release as this machine, and a name for it that
 * changes with what is in it. Takes a minute when it is made. Never to be changed: the cache's.
 */
export function debianRoot(): { readonly name: string; readonly root: string } {
  const system = readFileSync('/etc/os-release', 'utf8');
  const release = /^VERSION_CODENAME=(\w+)/m.exec(system)?.[1] ?? 'stable';
  const name = `debian-${release}-${PACKAGES.join('-')}`;
  const root = cached(name, (folder: string) => {
    run('mmdebstrap', ['--variant=minbase', `--include=${PACKAGES.join(',')}`, release, folder]);
  });
  return { name, root };
}
