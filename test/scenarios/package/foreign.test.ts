import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { missingFor } from '../../../scripts/package/target.mjs';
import { buildPackage } from '../../support/package.ts';
import { freePort } from '../../support/server-process.ts';
import { tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const MINUTES = 60_000;
const QEMU = '/usr/bin/qemu-aarch64-static';
const LIBRARIES = '/usr/aarch64-linux-gnu';

/** Why the package of another machine can't be tried here; it takes minutes, so only who asks for it waits for it. */
const reason =
  process.env.PACKAGE_ARCH !== 'arm64'
    ? 'runs with npm run test:package'
    : !existsSync(QEMU) || missingFor('arm64').length > 0 || !tools.mosquittoSub.path
      ? 'missing: apt-get install qemu-user-static g++-aarch64-linux-gnu mosquitto-clients'
      : undefined;

test(
  'the package for arm64 runs on that processor: native modules load, the gateway reads',
  async (context) => {
    context.skip(reason !== undefined, reason);
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-foreign-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const deb = buildPackage('arm64', folder);
    const root = join(folder, 'root');
    spawnSync('dpkg-deb', ['--extract', deb, root]);
    const program = join(root, 'usr/lib/cellgate');
    const node = [QEMU, '-L', LIBRARIES, join(program, 'bin/node')] as const;

    for (const name of ['better-sqlite3', 'epoll', 'i2c-bus', 'ioctl', 'unix-dgram']) {
      const line =
        name === 'better-sqlite3' ? `new (require('${name}'))(':memory:')` : `require('${name}')`;
      const [command, ...args] = [...node, '-e', `${line}; console.log(process.arch)`];
      const { stdout, stderr } = spawnSync(command, args, { cwd: program, encoding: 'utf8' });
      expect(stdout.trim(), `${name}: ${stderr}`).toBe('arm64');
    }

    const port = await freePort();
    const data = join(folder, 'data');
    mkdirSync(data);
    const config = join(folder, 'config.yaml');
    writeFileSync(
      config,
      `cell: arm\ndata: ${data}\nbroker: { listeners: [{ host: 127.0.0.1, port: ${port} }] }\n` +
        'sensors: [{ name: host, driver: host, every: 1s }]\n',
    );
    const [command, ...args] = [
      ...node,
      join(program, 'dist/program/cli.js'),
      'run',
      '--config',
      config,
    ];
    const gateway = spawn(command, args);
    let told = '';
    for (const stream of [gateway.stdout, gateway.stderr]) {
      stream.on('data', (chunk) => {
        told += chunk;
      });
    }
    onTestFinished(() => void gateway.kill('SIGKILL'));
    await until('it is up', () => /gateway of arm is up/.test(told), 2 * MINUTES);
    const read = spawnSync(
      tools.mosquittoSub.path!,
      ['-p', String(port), '-t', 'arm/host/memory', '-C', '1', '-W', '60'],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(read.stdout)).toMatchObject({ unit: '%', quality: 'good' });
    gateway.kill('SIGTERM');
    await until('it has stopped', () => gateway.exitCode !== null, MINUTES);
    expect(gateway.exitCode, told).toBe(0);
  },
  20 * MINUTES,
);
