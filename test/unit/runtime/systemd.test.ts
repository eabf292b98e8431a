import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSystemd } from '../../../src/runtime/systemd.ts';
import { startGateway } from '../../support/gateway.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { needs } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const systemd = {
  path: has('systemd-analyze') ? 'systemd-analyze' : undefined,
  package: 'systemd',
};

const python = {
  path: has('/usr/bin/python3') ? '/usr/bin/python3' : undefined,
  package: 'python3',
};

/** What comes on a datagram socket, each line with the process that sent it, as systemd would read it. */
function listen(): { path: string; heard: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-notify-'));
  const path = join(folder, 'notify');
  const script = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print('ready', flush=True)
while True:
    text, [(_, _, who)], _, _ = s.recvmsg(4096, 128)
    print(struct.unpack('3i', who)[0], text.decode(), flush=True)
`;
  const child = spawn('/usr/bin/python3', ['-c', script, path]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  onTestFinished(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });
  return { path, heard: () => text };
}

describe('as a service of systemd', () => {
  test('says when it is up, feeds the watchdog and says that it stops', async (context) => {
    needs(python)(context);
    const { path, heard } = listen();
    await until('the socket is there', () => heard().includes('ready'));
    const gateway = await startGateway({
      env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '600000' },
    });
    onTestFinished(() => gateway.dispose());
    await until('it is up', () => heard().includes('READY=1'));
    await until('the watchdog is fed', () => heard().split('WATCHDOG=1').length > 3);
    await gateway.stop();
    expect(heard()).toContain('STOPPING=1');
    // The unit listens to nobody else: NotifyAccess=main.
    const senders = [...heard().matchAll(/^(\d+) /gm)].map(([, pid]) => Number(pid));
    expect(new Set(senders)).toEqual(new Set([gateway.pid]));
  });

  test('a part that stands still starves the watchdog, and is told', async (context) => {
    needs(python)(context);
    const { path, heard } = listen();
    await until('the socket is there', () => heard().includes('ready'));
    const { log, lines } = createQuietLog();
    let stuck: string | undefined = 'the store stands still';
    const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' };
    const systemd = createSystemd({ env, log, stuck: () => stuck });
    onTestFinished(() => systemd.stop());
    await systemd.start();
    await until('it is told', () => lines.some((line) => /not fed: the store/.test(line)));
    expect(heard()).toContain('READY=1');
    expect(heard()).not.toContain('WATCHDOG=1');
    stuck = undefined;
    await until('it is fed again', () => heard().includes('WATCHDOG=1'));
  });

  test('a systemd that does not listen is reported once, and the gateway runs all the same', async () => {
    const { log, lines } = createQuietLog();
    const env = { NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '30000' };
    const systemd = createSystemd({ env, log, stuck: () => undefined });
    await systemd.start();
    await systemd.stop();
    expect(lines.filter((line) => /could not notify systemd/.test(line))).toHaveLength(1);
  });

  test('the unit is in order and exposes little', (context) => {
    needs(systemd)(context);
    const exposure = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--threshold=15', '--no-pager', 'systemd/cellgate.service'],
      { encoding: 'utf8' },
    );
    expect(exposure.status, exposure.stdout + exposure.stderr).toBe(0);
    const { stderr } = spawnSync('systemd-analyze', ['verify', 'systemd/cellgate.service'], {
      encoding: 'utf8',
    });
    const ours = stderr.split('\n').filter((line) => line.includes('cellgate.service'));
    // Known since systemd 254; not installed here is the program that the unit starts.
    expect(
      ours.filter((line) => !/RestartSteps|RestartMaxDelaySec|not executable/.test(line)),
    ).toEqual([]);
  });
});
