import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { SCHEMA_VERSION } from '../../../src/store/database/migrations.ts';
import { REPOSITORY } from '../../support/gateway.ts';

/** The maintainer scripts of the package in a folder, with stubs for systemd and a service that runs one version. */
interface Machine {
  /** Where the files of the machine are. */
  readonly root: string;
  /** Runs a maintainer script. */
  run(script: 'preinst' | 'postinst', ...args: string[]): { status: number | null; said: string };
  /** Unpacks a version, as dpkg does between preinst and postinst. */
  unpack(version: string): void;
  /** The service runs that version from here on. */
  starts(version: string): void;
  /** The version that the service runs; undefined if it does not. */
  running(): string | undefined;
  /** What was called to stop and start the service. */
  calls(): string[];
  config(text: string): void;
}

const read = (name: string): string =>
  readFileSync(join(REPOSITORY, 'scripts/debian', name), 'utf8');

/** What a stub does: note the call; `restart` comes up with the version in place if its config is in order. */
const STUBS: Readonly<Record<string, string>> = {
  systemctl: '[ "$1" != stop ] || { echo "$*" >> "$ROOT/calls"; rm -f "$ROOT/running"; }',
  'deb-systemd-invoke': `echo "$*" >> "$ROOT/calls"
rm -f "$ROOT/running"
[ ! -e "$ROOT/usr/lib/cellgate/fails" ] || exit 1
[ "$(tail -n +2 "$ROOT/etc/cellgate/config.yaml")" = 'cell: hall7' ] || exit 1
cp "$ROOT/usr/lib/cellgate/version" "$ROOT/running"`,
  'deb-systemd-helper': '',
  'systemd-sysusers': '',
  'systemd-tmpfiles': '',
  chown: 'echo "$*" >> "$ROOT/owners"',
  sync: '',
  setpriv:
    'while case "$1" in --*) true;; *) false;; esac; do [ "$1" = --init-groups ] || shift; shift; done\n[ "$1 $2" != "test -r" ] || [ ! -e "$ROOT/unreadable" ] || exit 1\nexec "$@"',
  install: 'for last; do :; done\nmkdir -p "$last"',
};

function machine(): Machine {
  const root = mkdtempSync(join(tmpdir(), 'cellgate-scripts-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const put = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  };
  for (const [name, body] of Object.entries(STUBS)) {
    put(`stubs/${name}`, `#!/bin/sh\n${body}\nexit 0\n`, 0o755);
  }
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  put('usr/bin/cellgate', `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, 0o755);
  put('usr/share/cellgate/config.yaml', 'cell: fresh\n');
  mkdirSync(join(root, 'run/systemd/system'), { recursive: true });
  mkdirSync(join(root, 'var/lib/cellgate'), { recursive: true, mode: 0o750 });
  const upgrade = read('upgrade.sh').replace('@SCHEMA@', String(SCHEMA_VERSION));
  for (const name of ['preinst', 'postinst']) {
    const text = read(name)
      .replace('@UPGRADE@', upgrade)
      .replaceAll(/(?<=^|[\s="'])\/(?=(?:usr|etc|run|var)\/)/gm, `${root}/`);
    put(`scripts/${name}`, text, 0o755);
  }
  const one: Machine = {
    root,
    run(script, ...args) {
      const env = { PATH: `${root}/stubs:${process.env.PATH}`, ROOT: root, LC_ALL: 'C' };
      const { status, stdout, stderr } = spawnSync(`${root}/scripts/${script}`, args, {
        env,
        encoding: 'utf8',
      });
      return { status, said: `${stdout}${stderr}` };
    },
    unpack(version) {
      const program = join(root, 'usr/lib/cellgate');
      // dpkg renames new files over the old ones, so that hard links keep the old contents.
      for (const path of ['bin/node', 'version', 'fails'])
        rmSync(join(program, path), { force: true });
      put('usr/lib/cellgate/bin/node', '', 0o755);
      put('usr/lib/cellgate/version', version);
      const unit = 'usr/lib/systemd/system/cellgate.service';
      rmSync(join(root, unit), { force: true });
      put(unit, `[Unit]\nDescription=${version}\n`);
    },
    starts: (version) => put('running', version),
    running() {
      const file = join(root, 'running');
      return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    },
    calls() {
      const file = join(root, 'calls');
      return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    },
    config: (text) => put('etc/cellgate/config.yaml', `data: ${root}/var/lib/cellgate\n${text}`),
  };
  return one;
}

/** Upgrades as dpkg does; the status is that of postinst. */
function upgradeTo(one: Machine, version: string): { status: number | null; said: string } {
  expect(one.run('preinst', 'upgrade', '1.0.0').status).toBe(0);
  one.unpack(version);
  return one.run('postinst', 'configure', '1.0.0');
}

const versionInPlace = ({ root }: Machine): string =>
  readFileSync(join(root, 'usr/lib/cellgate/version'), 'utf8');

const GOOD = 'cell: hall7\n';
const BROKEN: readonly (readonly [what: string, config: string, said: RegExp])[] = [
  [
    'a mistyped key',
    'cell: hall7\nsenosrs: []\n',
    /config\.yaml:3:1: senosrs: .*did you mean sensors/,
  ],
  ['a tab', 'cell: hall7\nlog:\n\tlevel: info\n', /config\.yaml:4:1: config: indented with a tab/],
  [
    'a certificate that is missing',
    'cell: hall7\nbroker:\n  listeners:\n    - { host: 127.0.0.1, port: 8883, tls: { cert: a.crt, key: a.key } }\n',
    /a\.crt: no such file, expected .*cellgate tls init/,
  ],
  [
    'an access file that is missing',
    'cell: hall7\nbroker: { access: access.yaml }\n',
    /broker\.access: .*no such file, expected .*cellgate user add/,
  ],
  [
    'a driver that is none',
    'cell: hall7\nsensors:\n  - { name: a, driver: tmp120, bus: i2c-1 }\n',
    /did you mean tmp102/,
  ],
];

describe('an upgrade', () => {
  let one: Machine;
  beforeEach(() => {
    one = machine();
    one.config(GOOD);
    one.unpack('1');
    one.starts('1');
  });

  test('that is fine stops the service once, after the check', () => {
    const { status, said } = upgradeTo(one, '2');
    expect(said).toContain('fine, 0 sensors');
    expect(status).toBe(0);
    expect(one.calls()).toEqual(['stop cellgate.service', 'restart cellgate.service']);
    expect(one.running()).toBe('2');
    expect(existsSync(join(one.root, 'usr/lib/cellgate.old'))).toBe(false);
  });

  test.each(BROKEN)('with %s in the config leaves the gateway running', (_, config, wanted) => {
    one.config(config);
    const { status, said } = upgradeTo(one, '2');
    expect(status).toBe(1);
    expect(said).toMatch(wanted);
    expect(said).toContain('dpkg --configure cellgate');
    expect(one.calls()).toEqual([]);
    expect(one.running()).toBe('1');
    expect(versionInPlace(one)).toBe('1');
  });

  test('that failed is finished when the mistake is corrected, and not before', () => {
    one.config('cell: hall7\nsenosrs: []\n');
    expect(upgradeTo(one, '2').status).toBe(1);
    expect(one.run('postinst', 'configure', '1.0.0').status).toBe(1);
    expect(one.calls()).toEqual([]);
    expect(one.running()).toBe('1');
    expect(versionInPlace(one)).toBe('1');

    one.config(GOOD);
    expect(one.run('postinst', 'configure', '1.0.0').status).toBe(0);
    expect(one.calls()).toEqual(['stop cellgate.service', 'restart cellgate.service']);
    expect(one.running()).toBe('2');
    expect(versionInPlace(one)).toBe('2');
    expect(existsSync(join(one.root, 'usr/lib/cellgate.failed'))).toBe(false);
  });

  test('that failed is tried once more with another mistake, and the gateway runs on', () => {
    for (const [, config, wanted] of BROKEN.slice(0, 2)) {
      one.config(config);
      const { status, said } = upgradeTo(one, '2');
      expect(status).toBe(1);
      expect(said).toMatch(wanted);
      expect([one.calls(), one.running(), versionInPlace(one)]).toEqual([[], '1', '1']);
    }
    one.config(GOOD);
    expect(one.run('postinst', 'configure', '1.0.0').status).toBe(0);
    expect([one.running(), versionInPlace(one)]).toEqual(['2', '2']);
  });

  test('leaves the owners of a config that the service can read, and gives it the others', () => {
    const owners = join(one.root, 'owners');
    expect(upgradeTo(one, '2').status).toBe(0);
    expect(existsSync(owners)).toBe(false);
    writeFileSync(join(one.root, 'unreadable'), '');
    expect(upgradeTo(one, '3').status).toBe(0);
    const etc = join(one.root, 'etc/cellgate');
    expect(readFileSync(owners, 'utf8')).toBe(`:cellgate ${etc} ${etc}/config.yaml\n`);
  });

  test('to a version that is older than the database leaves the gateway running', () => {
    const db = new Database(join(one.root, 'var/lib/cellgate/cellgate.db'));
    db.pragma(`user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    const { status, said } = upgradeTo(one, '2');
    expect(status).toBe(1);
    expect(said).toContain('was written by a newer cellgate');
    expect(one.calls()).toEqual([]);
    expect(one.running()).toBe('1');
    expect(versionInPlace(one)).toBe('1');
  });

  test('to a version that does not come up starts the one from before', () => {
    expect(one.run('preinst', 'upgrade', '1.0.0').status).toBe(0);
    one.unpack('2');
    writeFileSync(join(one.root, 'usr/lib/cellgate/fails'), '');
    const { status, said } = one.run('postinst', 'configure', '1.0.0');
    expect(status).toBe(1);
    expect(said).toContain('The upgrade is undone');
    expect(one.running()).toBe('1');
  });
});
