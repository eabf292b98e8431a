import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MACHINE, missingFor } from '../../../scripts/package/target.mjs';
import {
  bring,
  type Container,
  startContainer,
  variant,
  whyNoContainer,
} from '../../support/container.ts';
import { REPOSITORY } from '../../support/gateway.ts';
import { buildPackage } from '../../support/package.ts';
import { inTerminal } from '../../support/terminal.ts';
import { tools } from '../../support/tools.ts';
import { waitFor } from '../../support/wait-for.ts';

const MINUTES = 60_000;
/** Of the container, as others on its network see it. */
const LAN_ADDRESS = '192.168.7.20';
const arch = MACHINE ?? 'amd64';
const missing: readonly string[] = missingFor(arch);
const why =
  missing.length > 0 ? `missing to build a package: ${missing.join(', ')}` : whyNoContainer();
const { mosquittoSub, mosquittoPub } = tools;
const reason = why ?? (mosquittoSub.path ? undefined : 'not installed: mosquitto-clients');

test.runIf(reason !== undefined)('installing the package', (context) => {
  context.skip(true, `${reason} (npm run setup-tests installs what is missing)`);
});

/** Adds a step to the schema of an unpacked package, as a later version has. */
function addMigration(root: string): void {
  editProgram(
    root,
    /\];const SCHEMA_VERSION=/,
    ',"CREATE TABLE IF NOT EXISTS of_a_later_version (id INTEGER PRIMARY KEY);"$&',
  );
  for (const script of ['preinst', 'postinst']) {
    edit(join(root, 'DEBIAN', script), (text) =>
      text.replace(/^schema=(\d+)$/m, (_, number) => `schema=${Number(number) + 1}`),
    );
  }
}

/** Makes it fail at the end of its start, when the database is migrated already. */
function failLate(root: string): void {
  editProgram(root, /name:`systemd`,async start\(\)\{/, '$&throw new Error("made to fail");');
}

/** Changes the one file of the program that has the pattern. */
function editProgram(root: string, pattern: RegExp, replacement: string): void {
  const program = join(root, 'usr/lib/cellgate/dist/program');
  const files = readdirSync(program).filter((name) =>
    pattern.test(readFileSync(join(program, name), 'utf8')),
  );
  expect(files).toHaveLength(1);
  edit(join(program, files[0]!), (text) => text.replace(pattern, replacement));
}

function edit(file: string, change: (text: string) => string): void {
  const before = readFileSync(file, 'utf8');
  const after = change(before);
  if (after === before) throw new Error(`${file} is not what this test expects`);
  writeFileSync(file, after);
}

describe.skipIf(reason !== undefined)('on a machine with systemd', () => {
  let folder: string;
  let deb: string;
  let machine: Container;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cellgate-install-'));
    deb = buildPackage(arch, folder);
    machine = await startContainer();
  }, 15 * MINUTES);
  afterAll(async () => {
    await machine?.stop();
    rmSync(folder, { recursive: true });
  }, MINUTES);

  const must = (line: string): string => {
    const { status, output } = machine.sh(line);
    if (status !== 0) throw new Error(`${line}: ${status}\n${output}`);
    return output;
  };
  const sub = (topic: string, ...args: string[]): string =>
    machine.besides(mosquittoSub.path!, '-t', topic, '-W', '10', '-C', '1', ...args).output.trim();
  const isActive = (): boolean => must('systemctl is-active cellgate || true').trim() === 'active';
  const installed = (): string =>
    must(`dpkg-query -W -f='\${Version} \${db:Status-Status}' cellgate`);

  /** How long the gateway, which is started once more by `step`, reads nothing; and its readings since `step` began before that. */
  async function pauseWhile(step: () => unknown) {
    const watched = machine.watch(mosquittoSub.path!, '-R', '-t', 'hall7/beat/memory');
    const readings = () =>
      watched.lines().map((line) => JSON.parse(line) as { boot: number; time: string });
    await waitFor(() => expect(readings().length).toBeGreaterThan(0));
    const started = Date.now();
    step();
    const tookMs = Date.now() - started;
    const boots = () => new Set(readings().map(({ boot }) => boot));
    await waitFor(() => expect(boots().size).toBe(2));
    await watched.end();
    const [old, next] = [...boots()].map((boot) =>
      readings().flatMap((one) => (one.boot === boot ? [Date.parse(one.time)] : [])),
    ) as [number[], number[]];
    return {
      tookMs,
      pauseMs: Math.min(...next) - Math.max(...old),
      before: old.filter((time) => time > started).length,
    };
  }

  test('is installed as the first page says, and reads', { timeout: 5 * MINUTES }, () => {
    bring(machine, deb, `cellgate_1.0.0_${arch}.deb`);
    const page = readFileSync(join(REPOSITORY, 'docs/install.md'), 'utf8');
    const commands = /```sh\n(.+?)```/s.exec(page)?.[1] ?? '';
    expect(commands).toContain('apt install ./cellgate_');
    for (const command of commands.trim().split('\n')) {
      must(
        `cd /root && ${command
          .replace(/ *#.*$/, '')
          .replace('sudo ', '')
          .replace('arm64', arch)}`,
      );
    }
    expect(isActive()).toBe(true);
    expect(must('systemctl is-enabled cellgate').trim()).toBe('enabled');
    expect(sub('robotcell1/status')).toBe('online');
    expect(JSON.parse(sub('robotcell1/host/memory'))).toMatchObject({ unit: '%', quality: 'good' });
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(must('cellgate --version').trim()).toContain(version);
    expect(must('cellgate check')).toContain('fine, 1 sensor');
    expect(must('cellgate status')).toContain('healthy');
  });

  test('runs as a user of its own, who may use lines and buses', () => {
    expect(must('stat -c %U /proc/$(systemctl show -p MainPID --value cellgate)')).toBe(
      'cellgate\n',
    );
    expect(must('id -nG cellgate').trim().split(' ').sort()).toEqual(['cellgate', 'gpio', 'i2c']);
    expect(must('stat -c "%U:%G %a" /etc/cellgate/config.yaml /var/lib/cellgate')).toBe(
      'root:cellgate 640\ncellgate:cellgate 750\n',
    );
    expect(must('systemctl show -p NotifyAccess cellgate')).toContain('main');
  });

  test('keeps what V8 has compiled for the next start, which also comes up where that is damaged', () => {
    const kept = must('find /var/cache/cellgate -type f -user cellgate').trim().split('\n');
    expect(kept.length).toBeGreaterThan(20);
    for (const file of kept) writeFileSync(join(machine.root, file), 'damaged');
    must('systemctl restart cellgate');
    expect(isActive()).toBe(true);
    expect(sub('robotcell1/status')).toBe('online');
  });

  test('every native module loads in it', () => {
    for (const name of ['better-sqlite3', 'epoll', 'i2c-bus', 'ioctl', 'unix-dgram']) {
      must(`cd /usr/lib/cellgate && bin/node -e 'require("${name}")'`);
    }
    must(`cd /usr/lib/cellgate && bin/node -e 'new (require("better-sqlite3"))(":memory:")'`);
  });

  test('an upgrade keeps config, retained messages and queues, and readings stop for a restart', {
    timeout: 5 * MINUTES,
  }, async () => {
    must("sed -i 's/^cell: robotcell1$/cell: hall7/' /etc/cellgate/config.yaml");
    must(
      "sed -i 's/^sensors:/sensors:\\n  - { name: beat, driver: host, every: 250ms }/' /etc/cellgate/config.yaml",
    );
    must('chown cellgate:adm /etc/cellgate/config.yaml && chmod 640 /etc/cellgate/config.yaml');
    must('systemctl restart cellgate');
    const restart = await pauseWhile(() => must('systemctl restart cellgate'));
    const subscribe = ['-i', 'absent', '-c', '-q', '1', '-t', 'order'];
    machine.besides(mosquittoSub.path!, ...subscribe, '-E');
    machine.besides(mosquittoPub.path!, '-t', 'order', '-q', '1', '-m', 'waits', '-r');
    const next = variant(deb, folder, '2.0.0', (root) => {
      addMigration(root);
      edit(join(root, 'usr/share/cellgate/config.yaml'), (text) => `${text}# Of this version.\n`);
    });
    bring(machine, next, 'next.deb');
    must('dpkg --unpack /root/next.deb');
    // The version from before runs until the new one is configured.
    expect(isActive()).toBe(true);
    expect(sub('order')).toBe('waits');
    const upgrade = await pauseWhile(() => must('dpkg --configure cellgate'));
    console.log(
      `readings stop for ${upgrade.pauseMs} ms while dpkg configures for ${upgrade.tookMs} ms; for ${restart.pauseMs} ms in a restart`,
    );
    // Nothing of the upgrade but stop and start is in the pause, which is as long as a restart at the same load.
    expect(upgrade.pauseMs).toBeLessThan(Math.max(3000, 3 * restart.pauseMs));
    expect(upgrade.before).toBeGreaterThan(0);
    expect(installed()).toBe('2.0.0 installed');
    expect(isActive()).toBe(true);
    expect(must('stat -c "%U:%G %a" /etc/cellgate/config.yaml')).toBe('cellgate:adm 640\n');
    expect(sub('hall7/status')).toBe('online');
    expect(sub('order')).toBe('waits');
    expect(readdirSync(join(machine.root, 'var/lib/cellgate'))).not.toContain('before-upgrade');
    expect(readdirSync(join(machine.root, 'usr/lib'))).not.toContain('cellgate.old');
  });

  test('a backup of the running service is put back', { timeout: 2 * MINUTES }, () => {
    const publish = (payload: string): unknown =>
      machine.besides(mosquittoPub.path!, '-t', 'kept', '-q', '1', '-m', payload, '-r');
    publish('first');
    must('cellgate backup /root/backup');
    publish('second');
    must('systemctl stop cellgate && cellgate restore /root/backup && systemctl start cellgate');
    expect(sub('kept')).toBe('first');
    expect(sub('order')).toBe('waits');
    expect(must('find /var/lib/cellgate ! -user cellgate')).toBe('');
  });

  test('systemd reloads it, inside its sandbox', () => {
    must("sed -i 's/^cell: hall7$/cell: hall7\\nlog: { level: debug }/' /etc/cellgate/config.yaml");
    must('systemctl reload cellgate');
    expect(must('journalctl --unit cellgate --output cat --lines 50')).toMatch(/log.level/);
    must("sed -i 's/level: debug/level: nonsense/' /etc/cellgate/config.yaml");
    expect(machine.sh('systemctl reload cellgate').status).not.toBe(0);
    expect(isActive()).toBe(true);
    must("sed -i '/^log: /d' /etc/cellgate/config.yaml");
    must('cellgate reload');
  });

  test('a failed upgrade gives way to what ran before', { timeout: 5 * MINUTES }, () => {
    const broken = variant(deb, folder, '3.0.0', (root) => {
      addMigration(root);
      // One more than the version that is installed.
      addMigration(root);
      failLate(root);
    });
    bring(machine, broken, 'broken.deb');
    const { status, output } = machine.sh('apt-get install -y /root/broken.deb');
    expect(status).not.toBe(0);
    expect(output).toContain('The upgrade is undone');
    expect(isActive()).toBe(true);
    expect(must('cellgate status')).toContain('healthy');
    expect(sub('order')).toBe('waits');
    expect(sub('order', '-i', 'absent', '-c', '-q', '1')).toBe('waits');
    expect(readdirSync(join(machine.root, 'var/lib/cellgate'))).toContain('failed-upgrade');

    // Again the same, as somebody does who has mended nothing.
    expect(machine.sh('dpkg --configure cellgate').status).not.toBe(0);
    expect(isActive()).toBe(true);

    bring(machine, variant(deb, folder, '4.0.0', addMigration), 'mended.deb');
    must('apt-get install -y /root/mended.deb');
    expect(installed()).toBe('4.0.0 installed');
    expect(sub('order')).toBe('waits');
    expect(readdirSync(join(machine.root, 'usr/lib'))).not.toContain('cellgate.failed');
  });

  test('a config that is not in order stops an upgrade, not the gateway', {
    timeout: 5 * MINUTES,
  }, () => {
    must("echo 'nonsense: 1' >> /etc/cellgate/config.yaml");
    const process = must('systemctl show -p MainPID --value cellgate');
    bring(machine, variant(deb, folder, '5.0.0', addMigration), 'fifth.deb');
    const { status, output } = machine.sh('apt-get install -y /root/fifth.deb');
    expect(status).not.toBe(0);
    expect(output).toContain('nonsense');
    expect(output).toContain('The gateway was not stopped');
    expect(isActive()).toBe(true);
    expect(must('systemctl show -p MainPID --value cellgate')).toBe(process);
    expect(sub('order')).toBe('waits');
    must("sed -i '/^nonsense/d' /etc/cellgate/config.yaml");
    must('dpkg --configure cellgate');
    expect(installed()).toBe('5.0.0 installed');
    expect(isActive()).toBe(true);
  });

  test('removed it leaves its data, reinstalled it has them again', {
    timeout: 5 * MINUTES,
  }, () => {
    must('apt-get remove -y cellgate');
    expect(isActive()).toBe(false);
    expect(readdirSync(join(machine.root, 'usr/lib'))).not.toContain('cellgate');
    expect(readdirSync(join(machine.root, 'var/lib/cellgate'))).toContain('cellgate.db');
    must('apt-get install -y /root/fifth.deb');
    expect(isActive()).toBe(true);
    expect(sub('order')).toBe('waits');
    expect(sub('hall7/status')).toBe('online');
  });

  test('purged it leaves nothing', { timeout: 5 * MINUTES }, () => {
    must('touch /etc/cellgate/access.yaml');
    must('apt-get purge -y cellgate');
    const found = must(
      "find / -xdev -path /proc -prune -o -iname '*cellgate*' -not -path '/root/*' -not -path '/tmp/*' -not -path '/var/log/*' -print",
    );
    expect(found).toBe('');
    expect(must('systemctl --failed --no-legend')).toBe('');
  });

  test('from a fresh package, setup leads to a page on the LAN, a user and a plant within two minutes', {
    timeout: 5 * MINUTES,
  }, async () => {
    const plant = machine.watch(tools.mosquitto.path!, '-p', '1999');
    machine.besides('ip', 'address', 'add', `${LAN_ADDRESS}/32`, 'dev', 'lo');
    const started = Date.now();
    must('apt-get install -y /root/fifth.deb');
    const { code, shown } = await inTerminal(machine.line('cellgate setup'), [
      ['Name of the cell', 'hall7'],
      ['Address of this machine', LAN_ADDRESS],
      ['Page on the network', 'yes'],
      ['Broker of the plant', 'mqtt://127.0.0.1:1999'],
      ['Topics at the plant', 'plant/'],
      ['User name at the plant', 'none'],
      ['First user', 'operator'],
      ['Password of operator', 'a good password'],
      ['Again', 'a good password'],
    ]);
    expect(code, shown).toBe(0);
    must('systemctl restart cellgate');
    const statusOf = (path: string, auth = ''): string =>
      machine
        .besides(
          process.execPath,
          '-e',
          `
      const ca = require('fs').readFileSync('${join(machine.root, 'etc/cellgate/tls/ca.crt')}');
      const options = { host: '${LAN_ADDRESS}', port: 8080, path: '${path}', ca, auth: '${auth}' };
      require('https').get(options, (answer) => console.log(answer.resume().statusCode));`,
        )
        .output.trim();
    expect(statusOf('/')).toBe('200');
    expect(statusOf('/metrics')).toBe('401');
    expect(statusOf('/metrics', 'operator:a good password')).toBe('200');
    expect(sub('plant/hall7/host/memory', '-p', '1999')).toContain('"quality":"good"');
    const tookMs = Date.now() - started;
    console.log(`from the package to the page and the plant: ${tookMs} ms`);
    expect(tookMs).toBeLessThan(2 * MINUTES);
    await plant.end();
  });
});
