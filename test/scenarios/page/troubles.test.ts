import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { hasBrowser, startBrowser } from '../../support/browser.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { run } from '../../support/run.ts';
import { freePort } from '../../support/server-process.ts';
import { mayMount, mountSmallDisk } from '../../support/small-disk.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
}, 60_000);

const TIMEOUT_MS = 60_000;

const ready = async ({ httpPort }: TestGateway): Promise<string[]> => {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  const { ready, troubles } = (await answer.json()) as { ready: boolean; troubles: string[] };
  expect([answer.status, ready]).toEqual(troubles.length === 0 ? [200, true] : [503, false]);
  return troubles;
};

const onTerminal = async ({ configFile }: TestGateway): Promise<[number | null, string[]]> => {
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  const args = [cli, 'status', '--json', '--config', configFile];
  const { code, stdout } = await run(process.execPath, args, { withinMs: TIMEOUT_MS });
  return [code, JSON.parse(stdout).troubles];
};

const overMqtt = async ({ port }: TestGateway): Promise<string[]> => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  const payload = new Promise<string>((resolve) => {
    client.on('message', (_topic, bytes) => resolve(bytes.toString()));
  });
  await client.subscribeAsync('$SYS/cellgate/troubles');
  const troubles = JSON.parse(await payload);
  await client.endAsync(true);
  return troubles;
};

/** The same everywhere, each once. */
async function expectEverywhere(gateway: TestGateway, wanted: readonly RegExp[]): Promise<void> {
  const matches = (reported: readonly string[]): boolean =>
    reported.length === wanted.length && reported.every((one, index) => wanted[index]!.test(one));
  let reported: string[] = [];
  await until(
    'the troubles are reported',
    async () => {
      // The page opens last.
      const answer = await ready(gateway).catch(() => undefined);
      reported = answer ?? reported;
      return answer !== undefined && matches(answer);
    },
    TIMEOUT_MS,
  ).catch(() => undefined);
  expect(reported).toEqual(wanted.map((one) => expect.stringMatching(one)));
  expect(await onTerminal(gateway)).toEqual([wanted.length > 0 ? 1 : 0, reported]);
  await until('MQTT has it', async () => String(await overMqtt(gateway)) === String(reported));
  if (!hasBrowser) return;
  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${gateway.httpPort}/`);
    const shown = page.locator(
      reported.length > 0 ? '.troubles li' : '.verdict[data-state="well"]',
    );
    await shown.first().waitFor({ timeout: TIMEOUT_MS });
    if (reported.length > 0) expect(await shown.allInnerTexts()).toEqual(reported);
  } finally {
    await browser.close();
  }
}

/** A certificate and its key in one file, in place of what is there. */
function putCertificate(file: string, days: number): void {
  const made = execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
    ...['-days', String(days), '-subj', '/CN=localhost', '-keyout', '-', '-out', '-'],
  ]);
  writeFileSync(`${file}.new`, made, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

describe('every trouble is reported once, the same everywhere, and disappears by itself', () => {
  test('sensor, output, uplink, certificate, access file', {
    timeout: 400_000,
  }, async (context) => {
    needs(tools.mosquitto)(context);
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-troubles-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const [access, pair] = [join(folder, 'access.yaml'), join(folder, 'pair.pem')];
    const rules =
      '{ anonymous: { rules: [ { topic: "#", allow: readwrite }, { topic: "$SYS/#", allow: readwrite } ] } }';
    writeFileSync(access, rules, { mode: 0o600 });
    putCertificate(pair, 10);
    const [port, first, second, plantPort] = await Promise.all([1, 2, 3, 4].map(freePort));
    const tls = { cert: pair, key: pair };
    const listeners = [
      { host: '127.0.0.1', port },
      { host: '127.0.0.1', port: first, tls },
      { host: '127.0.0.1', port: second, tls },
    ];
    const url = `mqtt://127.0.0.1:${plantPort}`;
    const gateway = await startGateway({
      http: {},
      ports: [port!],
      sensors: [
        { name: 'boiler', driver: 'tmp102', bus: 'i2c-77', address: 0x48 },
        { name: 'gripper', driver: 'simulated', signal: 'gripper' },
      ],
      config: {
        broker: { listeners, access },
        gpio: { backend: 'chardev' },
        outputs: [{ name: 'lamp', driver: 'digital-output', line: 'gpiochip77:3' }],
        uplinks: [{ name: 'plant', url, reconnectMax: '1s', routes: [{ out: 'robotcell1/#' }] }],
      },
    });
    ends.push(() => gateway.dispose());
    const here = { ...gateway, port: port! };
    const all = {
      certificate: /^the certificate .*pair\.pem ends on \S+, in 9 days: replace it/,
      access:
        /^the access file has changed and is wrong, so the rules from before stay: .*access\.yaml:1/,
      output: /^lamp: /,
      sensor: /^boiler: i2c-77 does not exist: .*\(enable it with/,
      uplink: /^uplink plant: mqtt:\S+ refuses the connection: nothing listens there$/,
    };
    await expectEverywhere(here, [all.certificate, all.output, all.sensor, all.uplink]);

    writeFileSync(access, 'users: 5\n');
    await expectEverywhere(here, [all.certificate, all.access, all.output, all.sensor, all.uplink]);

    writeFileSync(access, rules);
    putCertificate(pair, 365);
    const plant = await startPlant([`listener ${plantPort} 127.0.0.1`]);
    ends.push(() => plant.dispose());
    await expectEverywhere(here, [all.output, all.sensor]);

    const config = parse(readFileSync(gateway.configFile, 'utf8'));
    config.sensors.shift();
    config.outputs = [];
    writeFileSync(gateway.configFile, stringify(config));
    process.kill(gateway.pid, 'SIGHUP');
    await expectEverywhere(here, []);
  });

  test.skipIf(!mayMount)('a full disk', { timeout: 300_000 }, async () => {
    const disk = mountSmallDisk(8);
    ends.push(() => disk.dispose());
    const gateway = await startGateway({ http: {}, config: { data: join(disk.folder, 'data') } });
    ends.push(() => gateway.dispose());
    await expectEverywhere(gateway, []);
    disk.fill();
    const url = `mqtt://127.0.0.1:${gateway.port}`;
    const client = await mqtt.connectAsync(url, { clientId: 'plc', clean: false });
    void client.subscribeAsync('a', { qos: 1 }).catch(() => undefined);
    const full =
      /^no space left for \S+: free some; QoS 1 and 2 messages are not acknowledged until/;
    await expectEverywhere(gateway, [full]);
    disk.free();
    await expectEverywhere(gateway, []);
    await client.endAsync(true);
  });

  test('a plant that refuses a subscription of the gateway, and then grants it', {
    timeout: 300_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-troubles-'));
    ends.push(() => rmSync(folder, { recursive: true }));
    const access = join(folder, 'access.yaml');
    const allowing = (...topics: string[]): string =>
      JSON.stringify({
        anonymous: { rules: topics.map((topic) => ({ topic, allow: 'readwrite' })) },
      });
    writeFileSync(access, allowing('p/#', 'robotcell1/#'), { mode: 0o600 });
    const plant = await startGateway({ access });
    ends.push(() => plant.dispose());
    const routes = [{ out: '#', to: 'p/' }, { in: 'orders/#' }];
    const url = `mqtt://127.0.0.1:${plant.port}`;
    const gateway = await startGateway({
      http: {},
      config: { uplinks: [{ name: 'plant', url, protocol: 4, routes }] },
    });
    ends.push(() => gateway.dispose());
    await expectEverywhere(gateway, [/^uplink plant: mqtt:\S+ refuses to send orders\/#$/]);
    writeFileSync(access, allowing('p/#', 'robotcell1/#', 'orders/#'), { mode: 0o600 });
    await expectEverywhere(gateway, []);
  });
});
