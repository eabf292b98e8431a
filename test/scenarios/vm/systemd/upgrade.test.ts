import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackage } from '../../../support/package.ts';
import { until } from '../../../support/until.ts';
import type { Reading } from '../gateway.ts';
import { type Appliance, startAppliance } from './appliance.ts';

/** An emulated processor on a host that does other things too starts a Node in a minute. */
const PATIENCE_MS = 400_000;
const FOLDER = '/etc/cellgate';
const SENSORS = 'cell: cell\nsensors: [{ name: host, driver: host, every: 1s }]\n';
/** With a listener that this host can reach. */
const GOOD = `${SENSORS}broker: { listeners: [{ host: 0.0.0.0, port: 8883, anonymous: true }] }\n`;

/** Mistakes of five kinds, and what an upgrade says about each. */
const BROKEN: readonly (readonly [what: string, config: string, said: RegExp])[] = [
  ['a mistyped key', `${GOOD}senosrs: []\n`, /did you mean sensors/],
  ['a tab', `${GOOD}log:\n\tlevel: info\n`, /indented with a tab/],
  [
    'a certificate that is missing',
    `${SENSORS}broker: { listeners: [{ host: 127.0.0.1, port: 8883, tls: { cert: a.crt, key: a.key } }] }\n`,
    /cellgate tls init/,
  ],
  [
    'an access file that is missing',
    `${SENSORS}broker: { access: none.yaml }\n`,
    /cellgate user add/,
  ],
  [
    'a driver that is none',
    'cell: cell\nsensors: [{ name: a, driver: tmp120, bus: i2c-1 }]\n',
    /did you mean tmp102/,
  ],
];

let folder: string;
let appliance: Appliance;

const shell = (command: string): Promise<string> => appliance.machine.shell(command, PATIENCE_MS);
/** Writes the config in place: it keeps its owner and mode. */
const write = (text: string): Promise<string> =>
  shell(`echo ${Buffer.from(text).toString('base64')} | base64 -d > ${FOLDER}/config.yaml`);
const property = (name: string): Promise<string> =>
  shell(`systemctl show --property ${name} --value cellgate`);
const version = (): Promise<string> =>
  shell('sed -n "s/.*\\"version\\": \\"\\(.*\\)\\",/\\1/p" /usr/lib/cellgate/package.json');
const owners = (): Promise<string> =>
  shell(`stat -c '%n %U:%G %a' ${FOLDER} ${FOLDER}/config.yaml ${FOLDER}/access.yaml`);
/** As an administrator upgrades: apt does not unpack a version again that failed. */
const upgrade = (): Promise<string> => shell('dpkg --install /root/next.deb 2>&1; echo "code $?"');

let installed: string;
let firstOwners: string;
let watcher: ChildProcess;
/** What a client on the LAN has received of one channel since the first upgrade. */
const readings: Reading[] = [];

/** Resolves with a reading that was made after the call. */
async function next(): Promise<Reading> {
  const seen = readings.length;
  // One may be on its way.
  await until('there are new readings', () => readings.length > seen + 1, PATIENCE_MS);
  return readings.at(-1)!;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-upgrade-'));
  appliance = await startAppliance(buildPackage('amd64', folder));
  await shell('apt-get install -y /root/cellgate.deb 2>&1');
  await write(GOOD);
  // As it is where the page may change the config and an administrator's group may read it.
  await shell(`echo 'users: []' > ${FOLDER}/access.yaml`);
  await shell(`chown cellgate:adm ${FOLDER}/config.yaml && chmod 640 ${FOLDER}/config.yaml`);
  await shell(`chown root:cellgate ${FOLDER}/access.yaml && chmod 640 ${FOLDER}/access.yaml`);
  await shell('systemctl restart cellgate');
  [installed, firstOwners] = [await version(), await owners()];
  const unpacked = '/root/next';
  await shell(`dpkg-deb --raw-extract /root/cellgate.deb ${unpacked}`);
  await shell(`sed -i 's/^Version: .*/Version: 99.0.0/' ${unpacked}/DEBIAN/control`);
  await shell(
    `sed -i 's/"version": ".*"/"version": "99.0.0"/' ${unpacked}/usr/lib/cellgate/package.json`,
  );
  await shell(
    `dpkg-deb --root-owner-group -Znone --build ${unpacked} ${unpacked}.deb && rm -r ${unpacked}`,
  );
  const at = ['-h', '127.0.0.1', '-p', String(appliance.lanPort)];
  watcher = spawn('mosquitto_sub', [...at, '-R', '-t', 'cell/host/memory']);
  createInterface(watcher.stdout!).on('line', (line) => {
    readings.push(JSON.parse(line) as Reading);
  });
  await until('there is a reading', () => readings.length > 0, PATIENCE_MS);
});
afterAll(async () => {
  watcher?.kill('SIGKILL');
  await appliance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(BROKEN)('an upgrade with %s leaves the gateway running', async (_, config, said) => {
  const before = await property('MainPID');
  expect(before).not.toBe('0');
  await write(config);
  const output = await upgrade();
  expect(output).toMatch(said);
  expect(output).toContain('dpkg --configure cellgate');
  expect(output).not.toMatch(/code 0$/);
  expect(await property('ActiveState')).toBe('active');
  expect(await property('MainPID')).toBe(before);
  expect(await property('NRestarts')).toBe('0');
  expect(await version()).toBe(installed);
  // The client is still connected, and has missed no reading.
  const { boot, seq } = await next();
  const first = readings[0]!;
  expect(boot).toBe(first.boot);
  expect(readings.map((reading) => reading.seq)).toEqual(
    Array.from({ length: readings.length }, (_, index) => first.seq + index),
  );
  expect(seq).toBeGreaterThan(first.seq);
});

test('with the mistake corrected the upgrade is finished, and the files keep owner and mode', async () => {
  const before = await property('MainPID');
  const { boot: firstBoot } = await next();
  await write(GOOD);
  await shell('dpkg --configure cellgate 2>&1');
  expect(await version()).toBe('99.0.0');
  expect(await property('ActiveState')).toBe('active');
  expect(await property('MainPID')).not.toBe(before);
  expect(await owners()).toBe(firstOwners);
  expect((await next()).boot).toBe(firstBoot + 1);
  const last = readings.findLast(({ boot }) => boot === firstBoot)!;
  const first = readings.find(({ boot }) => boot !== firstBoot)!;
  const pause = Date.parse(first.time) - Date.parse(last.time);
  console.log(`readings stopped for ${pause} ms of the emulated machine`);
});
