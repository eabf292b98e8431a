import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MACHINE, missingFor, NODE_VERSION } from '../../../scripts/package/target.mjs';
import { REPOSITORY } from '../../support/gateway.ts';
import { buildPackage } from '../../support/package.ts';

const arch = process.env.PACKAGE_ARCH ?? MACHINE ?? 'amd64';
const missing: readonly string[] = missingFor(arch);
const note = `a package can't be built here: ${missing.join(', ')} missing (npm run setup-tests installs it)`;
const MINUTES = 60_000;

const say = (program: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
};
const sum = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

describe.skipIf(missing.length > 0)(`the package for ${arch}`, () => {
  let folder: string;
  let deb: string;
  let root: string;
  let listed: readonly { rights: string; owner: string; size: number; path: string }[];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cellgate-deb-'));
    deb = buildPackage(arch, folder);
    root = join(folder, 'root');
    say('dpkg-deb', '--raw-extract', deb, root);
    listed = say('dpkg-deb', '--contents', deb)
      .trim()
      .split('\n')
      .map((line) => {
        const [rights = '', owner = '', size, , , path = ''] = line.split(/\s+/);
        return { rights, owner, size: Number(size), path: path.slice(1) };
      });
  }, 15 * MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  test(
    'is the same, byte for byte, when the same commit is built again',
    () => {
      const before = sum(deb);
      rmSync(deb);
      rmSync(join(REPOSITORY, 'build', basename(deb)));
      buildPackage(arch, folder, 'umask 077 && export TZ=Pacific/Auckland LANG=C');
      expect(sum(deb)).toBe(before);
    },
    5 * MINUTES,
  );

  test('is small, belongs to root, and gives nobody more rights', () => {
    expect(readFileSync(deb).length).toBeLessThan(35e6);
    expect(listed.length).toBeGreaterThan(1000);
    expect(new Set(listed.map(({ owner }) => owner))).toEqual(new Set(['root/root']));
    expect(listed.filter(({ rights }) => !/^(?:drwxr-x|-rw[x-]r-)/.test(rights))).toEqual([]);
    expect(listed.filter(({ rights }) => !/r-[x-]$|r--$/.test(rights))).toEqual([]);
  });

  test('has what an appliance needs, and nothing that only its authors need', () => {
    const paths = listed.map(({ path }) => path);
    for (const path of [
      '/usr/bin/cellgate',
      '/usr/lib/cellgate/bin/node',
      '/usr/lib/cellgate/dist/program/cli.js',
      '/usr/lib/cellgate/dist/program/writer-thread.js',
      '/usr/lib/cellgate/dist/page/index.html',
      '/usr/lib/cellgate/config/boards/',
      '/usr/lib/systemd/system/cellgate.service',
      '/usr/lib/sysusers.d/cellgate.conf',
      '/usr/lib/tmpfiles.d/cellgate.conf',
      '/usr/lib/udev/rules.d/70-cellgate.rules',
      '/usr/share/cellgate/cellgate.schema.json',
      '/usr/share/cellgate/config.yaml',
      '/usr/share/cellgate/prometheus-alerts.yaml',
      '/usr/share/doc/cellgate/copyright',
      '/usr/share/doc/cellgate/install.md',
      '/usr/share/man/man1/cellgate.1.gz',
    ]) {
      expect(paths).toContain(path);
    }
    const { packages } = JSON.parse(
      readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'),
    ) as {
      packages: Record<string, { dev?: boolean }>;
    };
    const development = Object.keys(packages).filter((path) => packages[path]?.dev);
    expect(development.length).toBeGreaterThan(10);
    expect(development.filter((path) => existsSync(join(root, 'usr/lib/cellgate', path)))).toEqual(
      [],
    );
    expect(
      paths.filter((path) => /\/tests?\/|\.test\.|\.ts$|\.map$|\.c{1,2}$|\.h$/.test(path)),
    ).toEqual([]);
  });

  test('its programs are for that machine and run on Debian 12 and later', () => {
    const machine = { amd64: 'x86-64', arm64: 'aarch64' }[arch];
    const binaries = readdirSync(join(root, 'usr/lib/cellgate'), {
      recursive: true,
      encoding: 'utf8',
    }).filter((path) => /\.node$|^bin\/node$/.test(path));
    expect(binaries.length).toBe(6);
    for (const path of binaries) {
      const file = join(root, 'usr/lib/cellgate', path);
      const header = say('readelf', '--file-header', file).toLowerCase();
      expect(header.replace('x86_64', 'x86-64')).toContain(machine);
      const needs = say('readelf', '--version-info', file);
      const versions = [...needs.matchAll(/(GLIBC|GLIBCXX)_(?:2|3\.4)\.(\d+)\b/g)];
      for (const [symbol, library, minor] of versions) {
        // glibc 2.36 and the libstdc++ of GCC 12.
        expect(Number(minor), `${path} needs ${symbol}`).toBeLessThanOrEqual(
          library === 'GLIBC' ? 36 : 30,
        );
      }
    }
  });

  test('no native module takes hooks away while garbage is collected, which ends Node 24', () => {
    const module = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';
    const symbols = say('readelf', '--dyn-syms', '--wide', join(root, 'usr/lib/cellgate', module));
    expect(symbols).toContain('AddEnvironmentCleanupHook');
    expect(symbols).not.toContain('RemoveEnvironmentCleanupHook');
  });

  test('its bill of materials has every locked module and Node', () => {
    const bill = JSON.parse(
      readFileSync(join(root, 'usr/share/doc/cellgate/sbom.cdx.json'), 'utf8'),
    ) as { components: { name: string; version: string; hashes: unknown[] }[] };
    const { packages } = JSON.parse(
      readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'),
    ) as {
      packages: Record<string, { version: string; dev?: boolean }>;
    };
    const wanted = Object.entries(packages)
      .filter(([path, { dev }]) => path !== '' && !dev)
      .map(([path, { version }]) => `${path.split('node_modules/').at(-1)} ${version}`);
    const there = bill.components.map(({ name, version }) => `${name} ${version}`);
    expect(wanted.length).toBeGreaterThan(50);
    expect(there.sort()).toEqual([...new Set([...wanted, `node ${NODE_VERSION}`])].sort());
    expect(bill.components.filter(({ hashes }) => hashes.length === 0)).toEqual([]);
  });

  test(
    'lintian finds no error',
    (context) => {
      context.skip(!existsSync('/usr/bin/lintian'), 'not installed: lintian');
      const { stdout } = spawnSync('lintian', ['--fail-on', 'error', deb], { encoding: 'utf8' });
      expect(stdout.split('\n').filter((line) => /^[EW]:/.test(line))).toEqual([]);
    },
    5 * MINUTES,
  );
});

test.runIf(missing.length > 0)('the package', (context) => context.skip(true, note));
