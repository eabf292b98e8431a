import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackage } from '../../../support/package.ts';
import { until } from '../../../support/until.ts';
import { tmp102 } from '../chips/tmp102.ts';
import type { Reading } from '../gateway.ts';
import { addHeader } from '../gpio.ts';
import { type Appliance, startAppliance } from './appliance.ts';

/** An emulated processor on a host that does other things too starts a Node in a minute. */
const PATIENCE_MS = 400_000;
const PASSWORD = 'a good password';

/** As the first page and docs/access.md tell it, with a plant that is never there. */
const CONFIG = `
cell: cell
broker:
  access: access.yaml
  listeners:
    - { host: 127.0.0.1, port: 1883 }
    - host: 0.0.0.0
      port: 8883
      tls: { cert: tls/gateway.crt, key: tls/gateway.key, ca: tls/ca.crt, clientCert: optional }
sensors:
  - { name: door, driver: digital-input, line: GPIO17, every: 1s }
  - { name: cabinet, driver: tmp102, bus: i2c-1, address: 0x48, every: 1s }
  - { name: host, driver: host, every: 2s }
  - { name: sticky, driver: ./drivers/sticky.mjs, every: 1s }
uplinks:
  - name: plant
    url: mqtt://10.0.2.99:1883
    routes: [{ out: '#', to: plant/ }]
`;

/** A driver with a fault that no time limit can catch: it takes the clock away from all samplers. */
const STICKY = `
import { existsSync } from 'node:fs';
export default ({ defineDriver, z }) =>
  defineDriver({
    name: 'sticky',
    summary: 'stands still when it is told to',
    bus: 'none',
    options: z.strictObject({}),
    channels: () => [{ name: '', unit: '' }],
    open: async (_bus, _options, tools) => ({
      async read() {
        if (existsSync('/etc/cellgate/stick')) {
          tools.clock.sleep = () => new Promise(() => undefined);
          tools.clock.after = () => () => undefined;
        }
        return { '': { value: true } };
      },
    }),
  });
`;

let folder: string;
let appliance: Appliance;

const shell = (command: string): Promise<string> => appliance.machine.shell(command, PATIENCE_MS);
const write = (path: string, text: string): Promise<string> =>
  shell(
    `mkdir -p $(dirname ${path}) && echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`,
  );
const property = (name: string): Promise<string> =>
  shell(`systemctl show --property ${name} --value cellgate`);
const log = (): Promise<string> => shell('journalctl --no-pager --output cat --unit cellgate');
/** What a machine on the LAN says to get in: TLS, and a user where it has one. */
const asking = (...more: string[]): string[] => [
  ...['-h', 'localhost', '-p', String(appliance.lanPort), '--cafile', join(folder, 'ca.crt')],
  ...['-t', 'cell/#', '-F', '%t %p', ...more],
];
const known = (): string[] => asking('-u', 'hmi', '-P', PASSWORD);

/** Resolves with the first reading of a sensor that is as wanted, as a client on the LAN sees it. */
async function reading(sensor: string, wanted: (one: Reading) => boolean): Promise<void> {
  const client = spawn('mosquitto_sub', known());
  let last = 'nothing';
  let found = false;
  createInterface(client.stdout).on('line', (line) => {
    const [, topic, payload = ''] = /^(\S+) (.*)$/.exec(line) ?? [];
    if (topic !== `cell/${sensor}`) return;
    last = payload;
    found ||= wanted(JSON.parse(payload) as Reading);
  });
  try {
    await until(`${sensor} is as wanted`, () => found, PATIENCE_MS);
  } catch (error) {
    throw new Error(`${(error as Error).message}; it said ${last}\n${await log()}`, {
      cause: error,
    });
  } finally {
    client.kill('SIGKILL');
  }
}

const good =
  (value: Reading['value']) =>
  (one: Reading): boolean =>
    one.value === value && one.quality === 'good';

/** Says how long a step of the emulated machine took. */
async function timed<T>(what: string, step: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await step();
  console.log(`${what}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return result;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-systemd-'));
  const deb = buildPackage('amd64', folder);
  appliance = await timed('booted', () => startAppliance(deb));
  appliance.machine.i2c.chips.set(0x48, tmp102(21.5));
  await shell('systemctl start chips.service');
  await addHeader(appliance.machine.shell);
});
afterAll(async () => {
  await appliance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('apt installs the package, and the service is up', async () => {
  await timed('installed', () => shell('apt-get install -y /root/cellgate.deb 2>&1'));
  expect(await property('ActiveState')).toBe('active');
  expect(await shell('cellgate status')).toContain('healthy');
});

test('a config with a sensor on GPIO and one on I2C, users and TLS is taken up', async () => {
  await write('/etc/cellgate/config.yaml', CONFIG);
  await write('/etc/cellgate/drivers/sticky.mjs', STICKY);
  await shell('chown -R root:cellgate /etc/cellgate && chmod 640 /etc/cellgate/config.yaml');
  await shell('cellgate tls init --name localhost');
  await shell(`echo '${PASSWORD}' | cellgate user add hmi`);
  expect(await shell('cellgate check')).toContain('fine, 4 sensors');
  writeFileSync(join(folder, 'ca.crt'), `${await shell('cat /etc/cellgate/tls/ca.crt')}\n`);
  await timed('restarted', () => shell('systemctl restart cellgate'));
});

test('a client on the LAN with a password gets readings over TLS', async () => {
  await reading('cabinet', good(21.5));
  await reading('door', good(false));
  const pull = '$(ls -d /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio17)/pull';
  await shell(`echo pull-up > ${pull}`);
  await reading('door', good(true));
});

test.each([
  ['without a user', () => asking()],
  ['with a wrong password', () => asking('-u', 'hmi', '-P', 'guessed')],
  ['without TLS', () => known().filter((word) => !/^--cafile$|ca\.crt$/.test(word))],
])('a client on the LAN %s gets nothing', (_, words) => {
  const { status, stdout } = spawnSync('mosquitto_sub', [...words(), '-W', '15', '-C', '1'], {
    encoding: 'utf8',
  });
  expect(status).not.toBe(0);
  expect(stdout).toBe('');
});

test('systemctl reload takes another config up, inside the sandbox', async () => {
  await shell("sed -i 's/name: host,/name: computer,/' /etc/cellgate/config.yaml");
  await shell('systemctl reload cellgate');
  await reading('computer/memory', ({ quality }) => quality === 'good');
});

test('the service exposes little', async () => {
  const said = await shell('systemd-analyze security --no-pager cellgate 2>&1');
  const exposure = Number(/exposure level for cellgate.service: ([\d.]+)/.exec(said)?.[1]);
  console.log(`systemd-analyze security: ${exposure}`);
  expect(exposure).toBeLessThanOrEqual(1.5);
});

describe('the watchdog', () => {
  let restarts = 0;
  /** Resolves when systemd has started it once more because of the watchdog, and it reads again. */
  const restarted = async (): Promise<void> => {
    restarts += 1;
    const wanted = String(restarts);
    await timed('restarted by the watchdog', () =>
      until('it is restarted', async () => (await property('NRestarts')) === wanted, PATIENCE_MS),
    );
    await until('it is up', async () => (await property('ActiveState')) === 'active', PATIENCE_MS);
    await reading('cabinet', good(21.5));
    const told = await shell('journalctl --no-pager --output cat _PID=1 UNIT=cellgate.service');
    expect(told.match(/Watchdog timeout/g)).toHaveLength(restarts);
  };

  beforeAll(async () => {
    await write('/etc/systemd/system/cellgate.service.d/test.conf', '[Service]\nWatchdogSec=30\n');
    await shell('systemctl daemon-reload && systemctl restart cellgate');
    await reading('cabinet', good(21.5));
  });

  test('restarts an event loop that hangs', async () => {
    await shell(`kill -STOP ${await property('MainPID')}`);
    await restarted();
  });

  test("restarts it when the store's thread stands still", async () => {
    const tasks = `/proc/${await property('MainPID')}/task`;
    const thread = await shell(`basename $(dirname $(grep -lx WorkerThread ${tasks}/*/comm))`);
    await shell(`/root/hold-thread ${thread} > /run/held & true`);
    await until('it is held', async () => (await shell('cat /run/held')) === 'held');
    await restarted();
    expect(await log()).toContain('the watchdog is not fed: the writer of the store');
  });

  test('restarts it when samplers stand still', async () => {
    await shell('touch /etc/cellgate/stick');
    const told = async (): Promise<boolean> => /not fed: these sensors/.test(await log());
    await until('it is told', told, PATIENCE_MS);
    await shell('rm /etc/cellgate/stick');
    await restarted();
  });

  test('lets it be when the plant is not there', async () => {
    // It is fed for twice as long as systemd waits, by the clock of the machine.
    const fed = async (): Promise<number> => Number(await property('WatchdogTimestampMonotonic'));
    const end = (await fed()) + 60_000_000;
    await until('it has been fed for a minute', async () => (await fed()) >= end, PATIENCE_MS);
    expect(await property('NRestarts')).toBe(String(restarts));
    expect(await shell('cellgate status || true')).toMatch(/plant/);
    expect(await property('ActiveState')).toBe('active');
  });
});

test('after a reboot it is up before its hardware, which comes 30 s late', async () => {
  await shell('rm /etc/systemd/system/cellgate.service.d/test.conf');
  await timed('rebooted', () => appliance.reboot());
  await until('it is up', async () => (await property('ActiveState')) === 'active', PATIENCE_MS);
  await reading('cabinet', ({ quality, reason }) => quality === 'bad' && reason !== undefined);
  await reading('door', ({ quality }) => quality === 'bad');
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  appliance.machine.i2c.chips.set(0x48, tmp102(30));
  await shell('systemctl start chips.service');
  await addHeader(appliance.machine.shell);
  await reading('cabinet', good(30));
  await reading('door', good(false));
  expect(await property('NRestarts')).toBe('0');
});
