import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { REPOSITORY } from '../../support/gateway.ts';
import { startPlant, type TestPlant } from '../../support/plant.ts';
import { startProxy, type TestProxy } from '../../support/proxy.ts';
import { type Finished, run } from '../../support/run.ts';
import { freePort, type ServerProcess, startServer } from '../../support/server-process.ts';
import { needs, tools } from '../../support/tools.ts';

/** The cell of config/examples, simulated: every promise of its comments, seen from outside. */
beforeEach(needs(tools.mosquitto));

const CLI = join(REPOSITORY, 'dist/program/cli.js');
const PASSWORDS = { hmi: 'password of hmi', prometheus: 'password of prometheus' } as const;
type User = keyof typeof PASSWORDS;

let folder: string;
let plant: TestPlant;
let proxy: TestProxy;
let gateway: ServerProcess;
let tlsPort: number;
let httpPort: number;
const clients: MqttClient[] = [];

function cli(words: readonly string[], input = ''): Promise<Finished> {
  return run(process.execPath, [CLI, ...words, '-c', 'press-cell.yaml'], { cwd: folder, input });
}

/** The steps of the comment at its beginning; only addresses, ports and the data folder differ. */
beforeAll(async () => {
  if (!tools.mosquitto.path) return;
  folder = mkdtempSync(join(tmpdir(), 'cellgate-press-cell-'));
  cpSync(join(REPOSITORY, 'config/examples'), folder, { recursive: true });
  await cli(['tls', 'init', '--name', 'localhost', '127.0.0.1']);
  for (const [name, password] of Object.entries(PASSWORDS)) {
    expect(await cli(['user', 'add', name], `${password}\n`)).toMatchObject({ code: 0 });
  }
  cpSync(join(folder, 'tls/ca.crt'), join(folder, 'plant-ca.crt'));
  const file = (name: string): string => join(folder, 'tls', name);
  plant = await startPlant([`certfile ${file('gateway.crt')}`, `keyfile ${file('gateway.key')}`]);
  proxy = await startProxy(plant.port);
  const [port, page] = [await freePort(), await freePort()];
  [tlsPort, httpPort] = [await freePort(), page];
  const config = parseDocument(readFileSync(join(folder, 'press-cell.yaml'), 'utf8'));
  config.setIn(['data'], './data');
  config.setIn(['broker', 'listeners', 0, 'port'], port);
  config.setIn(['broker', 'listeners', 1, 'port'], tlsPort);
  config.setIn(['http', 'port'], httpPort);
  config.setIn(['uplinks', 0, 'url'], `mqtts://127.0.0.1:${proxy.port}`);
  config.setIn(['uplinks', 0, 'reconnectMax'], '1s');
  writeFileSync(join(folder, 'press-cell.yaml'), `${config}`);
  expect((await cli(['check'])).stdout).toMatch(/^press-cell\.yaml: fine, 7 sensors, 4 outputs/);
  mkdirSync(join(folder, 'credentials'));
  writeFileSync(join(folder, 'credentials/plant'), 'secret', { mode: 0o600 });
  gateway = await startServer({
    command: process.execPath,
    args: [CLI, 'run', '--simulate', '-c', 'press-cell.yaml'],
    cwd: folder,
    ports: [port, tlsPort, httpPort],
    folder,
    env: { ...process.env, CREDENTIALS_DIRECTORY: join(folder, 'credentials') },
  });
});
afterAll(async () => {
  for (const client of clients) await client.endAsync(true);
  await gateway?.dispose();
  await proxy?.close();
  await plant?.dispose();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function connect(user: User): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${tlsPort}`, {
    ...{ protocolVersion: 5, username: user, password: PASSWORDS[user] },
    ca: readFileSync(join(folder, 'tls/ca.crt')),
  });
  clients.push(client);
  return client;
}

/** The messages that a user gets, by topic, the latest of each. */
async function watch(user: User, filter: string): Promise<Map<string, string>> {
  const client = await connect(user);
  const latest = new Map<string, string>();
  client.on('message', (topic, payload) => latest.set(topic, payload.toString()));
  await client.subscribeAsync(filter, { qos: 1 });
  return latest;
}

function overHttp(path: string, user?: User): Promise<{ status: number; body: string }> {
  const auth = user && `${user}:${PASSWORDS[user]}`;
  const ca = readFileSync(join(folder, 'tls/ca.crt'));
  const options = { host: '127.0.0.1', port: httpPort, path, ca, ...(auth ? { auth } : {}) };
  return new Promise((resolve, reject) => {
    get(options, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    }).on('error', reject);
  });
}

const plantClient = (): Promise<MqttClient> =>
  mqtt.connectAsync(`mqtts://127.0.0.1:${plant.port}`, { rejectUnauthorized: false });

/** A subscriber at the plant, with its messages in the order in which they came. */
async function atPlant(): Promise<{ arrivals: string[]; client: MqttClient }> {
  const client = await plantClient();
  clients.push(client);
  const arrivals: string[] = [];
  client.on('message', (topic, payload) => arrivals.push(`${topic} ${payload}`));
  await client.subscribeAsync('plant/#', { qos: 1 });
  return { arrivals, client };
}

test('every sensor gives plausible values, and says that it is simulated', async () => {
  const seen = await watch('hmi', 'presscell1/#');
  const topics = ['cabinet/temperature', 'hydraulics/pressure', 'motor/temperature', 'panel/b0'];
  for (const topic of [...topics, 'parts/total', 'guard/closed', 'host/cpu', 'horn']) {
    const reading = () => JSON.parse(seen.get(`presscell1/${topic}`) ?? '{}');
    await expect.poll(reading).toMatchObject({ quality: 'good', simulated: true });
  }
  const { code, stdout } = await cli(['status']);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^trouble {4}simulated: /m)]);
});

test('the plant switches a lamp, and gets the result and the state', async () => {
  const { arrivals, client } = await atPlant();
  const topic = 'plant/line4/presscell1/stacklight/red';
  await expect.poll(() => arrivals.some((one) => one.startsWith(`${topic} `))).toBe(true);
  await client.publishAsync(`${topic}/set`, '{"value":true,"id":"p1"}', { qos: 1 });
  await expect.poll(() => arrivals).toContain(`${topic}/result {"id":"p1","ok":true}`);
  await expect
    .poll(() => arrivals.some((one) => one.startsWith(`${topic} `) && one.includes('"value":true')))
    .toBe(true);
});

test('an alarm is at the plant before the readings that waited longer, and the horn follows it', async () => {
  const { arrivals } = await atPlant();
  const local = await watch('hmi', 'presscell1/#');
  await expect.poll(() => local.size).toBeGreaterThan(10);
  proxy.refuse(true);
  proxy.cut();
  const queued = async (): Promise<number> => {
    const { stdout } = await cli(['status', '--json']);
    return JSON.parse(stdout).uplinks[0].queued;
  };
  await expect.poll(queued).toBeGreaterThan(5);
  expect(await cli(['simulate', 'hydraulics/pressure', '240'])).toMatchObject({ code: 0 });
  const alarm = 'presscell1/alarm/hydraulics/pressure/overpressure';
  await expect.poll(() => local.get(alarm)).toContain('"state":"active"');
  await expect.poll(() => local.get('presscell1/horn')).toContain('"value":true');
  arrivals.splice(0);
  proxy.refuse(false);
  const readings = (): string[] => arrivals.filter((one) => !/\/status[ /]/.test(one));
  await expect.poll(() => readings().length).toBeGreaterThan(5);
  // Messages that were on their way when the connection was lost are sent again before all others.
  const place = readings().findIndex((one) => one.startsWith(`plant/line4/${alarm} `));
  expect(place).toBeGreaterThanOrEqual(0);
  expect(place).toBeLessThan(3);
  await cli(['simulate', 'hydraulics', 'ok']);
});

describe('the user hmi', () => {
  test('reads the cell, and nothing else', async () => {
    const hmi = await connect('hmi');
    const granted = async (filter: string): Promise<number | undefined> =>
      (await hmi.subscribeAsync(filter).catch(() => []))[0]?.qos;
    expect(await granted('presscell1/#')).toBe(0);
    expect(await granted('display/pressure')).toBe(0);
    for (const filter of ['#', '$SYS/#', 'plant/#']) expect(await granted(filter)).not.toBe(0);
  });

  test('switches the stack light, and nothing else', async () => {
    const seen = await watch('hmi', 'presscell1/+/+/result');
    const hmi = await connect('hmi');
    await hmi.publishAsync('presscell1/stacklight/green/set', '{"value":true,"id":"h1"}', {
      qos: 1,
    });
    await expect
      .poll(() => seen.get('presscell1/stacklight/green/result'))
      .toBe('{"id":"h1","ok":true}');
    for (const topic of ['presscell1/parts/total/set', 'presscell1/horn/set', 'other']) {
      await expect(hmi.publishAsync(topic, '5', { qos: 1 })).rejects.toThrow(/[Nn]ot authorized/);
    }
  });
});

test('Prometheus reads the metrics with its user, hmi may not, and without a user nothing is shown', async () => {
  const { status, body } = await overHttp('/metrics', 'prometheus');
  expect(status).toBe(200);
  const troubles = /^cellgate_troubles (\d+)$/m.exec(body)?.[1];
  expect(Number(troubles)).toBeGreaterThanOrEqual(1);
  expect((await overHttp('/metrics', 'hmi')).status).toBe(403);
  expect((await overHttp('/metrics')).status).toBe(401);
  expect((await overHttp('/', 'hmi')).body).toContain('<title>');
});

test('the old display gets the bare number, and null while the sensor is bad', async () => {
  const seen = await watch('hmi', 'display/#');
  await expect.poll(() => seen.get('display/pressure')).toMatch(/^\d+(\.\d)?$/);
  await cli(['simulate', 'hydraulics/pressure', 'fail']);
  await expect.poll(() => seen.get('display/pressure')).toBe('null');
  await cli(['simulate', 'hydraulics/pressure', 'ok']);
  await expect.poll(() => seen.get('display/pressure')).toMatch(/^\d+(\.\d)?$/);
});

test('the counter counts, and can be set', async () => {
  expect(await cli(['set', 'parts/total', '5000'])).toMatchObject({ code: 0 });
  const seen = await watch('hmi', 'presscell1/parts/total');
  const total = (): number => JSON.parse(seen.get('presscell1/parts/total') ?? '{}').value;
  await expect.poll(total).toBeGreaterThanOrEqual(5000);
});

test('when the supply fails, outputs go to their safe state and all is on disk', async () => {
  const seen = await watch('hmi', 'presscell1/#');
  expect(await cli(['set', 'stacklight/yellow', 'on'])).toMatchObject({ code: 0 });
  await expect.poll(() => seen.get('presscell1/stacklight/yellow')).toContain('"value":true');
  await cli(['simulate', 'power', 'fail']);
  await expect.poll(() => seen.get('presscell1/stacklight/yellow')).toContain('"value":false');
  await expect.poll(() => seen.get('presscell1/power/secured')).toMatch(/"value":\d+/);
  await cli(['simulate', 'power', 'ok']);
  await expect.poll(() => seen.get('presscell1/power/supplied')).toContain('"value":true');
});
