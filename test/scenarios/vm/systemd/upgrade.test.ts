import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackage } from '../../../support/package.ts';
import { until } from '../../../support/until.ts';
import { type Appliance, startAppliance } from './appliance.ts';

/** An emulated processor on a host that does other things too starts a Node in a minute. */
const PATIENCE_MS = 400_000;
const CONFIG = '/etc/cellgate/config.yaml';
const GOOD = 'cell: cell\nsensors: [{ name: host, driver: host, every: 1s }]\n';

/** Mistakes of five kinds, and what an upgrade says about each. */
const BROKEN: readonly (readonly [what: string, config: string, said: RegExp])[] = [
  ['a mistyped key', `${GOOD}senosrs: []\n`, /did you mean sensors/],
  ['a tab', `${GOOD}log:\n\tlevel: info\n`, /indented with a tab/],
  [
    'a certificate that is missing',
    `${GOOD}broker: { listeners: [{ host: 127.0.0.1, port: 8883, tls: { cert: a.crt, key: a.key } }] }\n`,
    /cellgate tls init/,
  ],
  [
    'an access file that is missing',
    `${GOOD}broker: { access: access.yaml }\n`,
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
const write = (text: string): Promise<string> =>
  shell(`echo ${Buffer.from(text).toString('base64')} | base64 -d > ${CONFIG}`);
const property = (name: string): Promise<string> =>
  shell(`systemctl show --property ${name} --value cellgate`);
const version = (): Promise<string> =>
  shell('sed -n "s/.*\\"version\\": \\"\\(.*\\)\\",/\\1/p" /usr/lib/cellgate/package.json');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellgate-upgrade-'));
  appliance = await startAppliance(buildPackage('amd64', folder));
  await shell('apt-get install -y /root/cellgate.deb 2>&1');
  await write(GOOD);
  await shell('systemctl restart cellgate');
  const next = '/root/next';
  await shell(`dpkg-deb --raw-extract /root/cellgate.deb ${next}`);
  await shell(`sed -i 's/^Version: .*/Version: 99.0.0/' ${next}/DEBIAN/control`);
  await shell(
    `sed -i 's/"version": ".*"/"version": "99.0.0"/' ${next}/usr/lib/cellgate/package.json`,
  );
  await shell(`dpkg-deb --root-owner-group -Znone --build ${next} ${next}.deb && rm -r ${next}`);
});
afterAll(async () => {
  await appliance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(BROKEN)('an upgrade with %s leaves the gateway running', async (_, config, said) => {
  const before = await property('MainPID');
  const installed = await version();
  expect(before).not.toBe('0');
  await write(config);
  const output = await shell('apt-get install -y /root/next.deb 2>&1; echo "code $?"');
  expect(output).toMatch(said);
  expect(output).toContain('dpkg --configure cellgate');
  expect(output).not.toMatch(/code 0$/);
  expect(await property('ActiveState')).toBe('active');
  expect(await property('MainPID')).toBe(before);
  expect(await property('NRestarts')).toBe('0');
  expect(await version()).toBe(installed);
  await write(GOOD);
  // Back to the version from before, so that the next one is an upgrade again.
  await shell('apt-get install -y --allow-downgrades /root/cellgate.deb 2>&1');
  await until('it is up', async () => (await property('ActiveState')) === 'active', PATIENCE_MS);
});

test('with the mistake corrected the upgrade is finished', async () => {
  await write(BROKEN[0]![1]);
  await shell('apt-get install -y /root/next.deb 2>&1 || true');
  await write(GOOD);
  await shell('dpkg --configure cellgate 2>&1');
  expect(await version()).toBe('99.0.0');
  expect(await property('ActiveState')).toBe('active');
});
