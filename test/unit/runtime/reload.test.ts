import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { askGateway } from '../../../src/runtime/admin-socket.ts';
import type { ReloadReport } from '../../../src/runtime/reload.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { freePort } from '../../support/server-process.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

type Settings = ReturnType<typeof settings>;

/** What the gateway runs with at first; the changes are made to it. */
function settings(port: number, other: number, dataDir: string) {
  return {
    cell: 'robotcell1',
    data: dataDir,
    payload: 'json' as string | undefined,
    broker: {
      listeners: [
        { host: '127.0.0.1', port },
        { host: '127.0.0.1', port: other, anonymous: true },
      ] as Record<string, unknown>[],
      limits: {} as Record<string, unknown>,
      access: undefined as string | undefined,
    },
    sensors: [
      { name: 'steady', driver: 'simulated', signal: 'cycles', every: '100ms', payload: 'json' },
      { name: 'door', driver: 'simulated', signal: 'door', every: '200ms' },
    ] as Record<string, unknown>[],
    outputs: [] as Record<string, unknown>[],
    uplinks: [
      {
        name: 'plant',
        url: 'mqtt://127.0.0.1:9',
        routes: [{ out: 'up/#', to: 'p/', retain: 'clear' }],
      },
    ] as Record<string, unknown>[],
    names: undefined as Record<string, unknown> | undefined,
    homeAssistant: undefined as Record<string, unknown> | undefined,
    log: { level: 'info' },
    store: { readingsWithin: '1s', history: { bytes: '1GiB' } },
  };
}

const lamp = { name: 'lamp', driver: 'digital-output', line: 'NOWHERE' };
const extra = { name: 'extra', driver: 'simulated', signal: 'door', every: '100ms' };
const spare = {
  name: 'spare',
  url: 'mqtt://127.0.0.1:9',
  routes: [{ out: 'other/#', to: 'q/', retain: 'clear' }],
};
const node = { group: 'Plant1', node: 'robotcell1' };
const scada = { name: 'scada', url: 'mqtt://127.0.0.1:9', sparkplug: node };
const route = { out: 'alarm/#', to: 'p/', priority: 'high', retain: 'clear' };

/** Each kind of change, and a word of what the reload says about it. Only what it names may be disturbed. */
const CHANGES: readonly (readonly [string, (now: Settings) => unknown, RegExp])[] = [
  ['nothing', () => undefined, /^$/],
  ['a sensor read at another pace', (c) => (c.sensors[1]!.every = '100ms'), /sensors\.door\.every/],
  ['readings that expire', (c) => (c.sensors[1]!.expires = '1m'), /sensors\.door\.expires/],
  ['a mirror', (c) => (c.sensors[1]!.mirror = { topic: 'old/door' }), /sensors\.door\.mirror: new/],
  ['a filter', (c) => (c.sensors[1]!.filters = [{ heartbeat: '1s' }]), /sensors\.door\.filters/],
  ['a sensor more', (c) => c.sensors.push(extra), /sensors\.extra: new/],
  ['another signal of it', (c) => (c.sensors[2] = { ...extra, signal: 'gripper' }), /extra\.opti/],
  ['a sensor less', (c) => c.sensors.splice(2, 1), /sensors\.extra: gone/],
  ['another payload', (c) => (c.payload = 'value'), /^payload: "json" -> "value"$/m],
  ['an output more', (c) => c.outputs.push(lamp), /outputs\.lamp: new/],
  ['another safe state', (c) => (c.outputs[0] = { ...lamp, safe: 'on' }), /outputs\.lamp\.safe/],
  ['an output less', (c) => c.outputs.splice(0, 1), /outputs\.lamp: gone/],
  ['another port', (c) => (c.broker.listeners[1]!.port = 0), /listeners\.127\.0\.0\.1:0: new/],
  ['a listener less', (c) => c.broker.listeners.splice(1, 1), /listeners\.127\.0\.0\.1:0: gone/],
  ['a WebSocket', (c) => c.broker.listeners.push(webSocket), /listeners\.127\.0\.0\.1:0: new/],
  ['a longer queue', (c) => (c.broker.limits.queue = { messages: 5e5 }), /limits\.queue\.messages/],
  ['more clients', (c) => (c.broker.limits.connections = 2000), /limits\.connections/],
  ['a smaller window', (c) => (c.broker.limits.inflight = 5), /limits\.inflight: 20 -> 5/],
  ['a larger window', (c) => (c.broker.limits.inflight = 300), /limits\.inflight: 5 -> 300/],
  ['another kind of topics', (c) => (c.broker.limits.controlCharacters = 'allow'), /s\.controlC/],
  ['other windows', (c) => (c.broker.limits.receiveMaximum = 5), /receiveMaximum: 1000 -> 5/],
  ['names of the plant', (c) => (c.names = { site: 'ulm' }), /^names: new, \{"site":"ulm"\}$/m],
  [
    'a name in use',
    (c) => (c.uplinks[0]!.routes = [inSite]),
    /plant\.out\.up\/#\.to: "p\/" -> "ulm/,
  ],
  [
    'another name',
    (c) => (c.names = { site: 'bonn' }),
    /plant\.out\.up\/#\.to: "ulm\/" -> "bonn\/"/,
  ],
  ['an edge node', (c) => c.uplinks.push(scada), /uplinks\.scada: new/],
  ['an edge node less', (c) => c.uplinks.splice(1, 1), /uplinks\.scada: gone/],
  ['an uplink more', (c) => c.uplinks.push(spare), /uplinks\.spare: new/],
  ['a route more', (c) => (c.uplinks[0]!.routes as object[]).push(route), /plant\.out\.alarm\/#/],
  [
    'nodes of a cluster',
    (c) => Object.assign(c.uplinks[0]!, nodes),
    /uplinks\.plant\.cluster: new, true/,
  ],
  [
    'one address',
    (c) => Object.assign(c.uplinks[0]!, oneNode),
    /uplinks\.plant\.cluster: gone, was true/,
  ],
  ['another address', (c) => (c.uplinks[0]!.url = 'mqtt://127.0.0.1:10'), /uplinks\.plant\.urls/],
  ['a bound of its queue', (c) => (c.uplinks[0]!.queue = { messages: 5e4 }), /plant\.queue\.mess/],
  ['an uplink less', (c) => c.uplinks.splice(1, 1), /uplinks\.spare: gone/],
  ['the uplink again', (c) => c.uplinks.push(spare), /uplinks\.spare: new/],
  ['Home Assistant', (c) => (c.homeAssistant = {}), /^homeAssistant: new/m],
  ['no Home Assistant', (c) => (c.homeAssistant = undefined), /^homeAssistant: gone/m],
  ['what is logged', (c) => (c.log.level = 'debug'), /^log\.level: "info" -> "debug"$/m],
  [
    'how large the file of histories may be',
    (c) => (c.store.history = { bytes: '2GiB' }),
    /store\.history/,
  ],
  ['how late readings are kept', (c) => (c.store.readingsWithin = '2s'), /store\.readingsWithin/],
];
const inSite = { out: 'up/#', to: '{site}/', retain: 'clear' };
const nodes = {
  url: undefined,
  urls: ['mqtt://127.0.0.1:9', 'mqtt://127.0.0.1:10'],
  cluster: true,
};
const oneNode = { url: 'mqtt://127.0.0.1:9', urls: undefined, cluster: undefined };
const webSocket = { host: '127.0.0.1', port: 0, protocol: 'ws' };

async function start() {
  const [port, other] = [await freePort(), await freePort()];
  const gateway = await startGateway({
    config: { sensors: [], broker: { listeners: [{ host: '127.0.0.1', port }] } },
    ports: [port],
  });
  onTestFinished(() => gateway.dispose());
  const config = settings(port, other, gateway.dataDir);
  const put = (): void => writeFileSync(gateway.configFile, stringify(config));
  put();
  expect(await reload(gateway)).toMatchObject({ code: 0, stderr: '' });
  return { gateway, config, put, url: `mqtt://127.0.0.1:${port}`, other };
}

const cellgate = (gateway: TestGateway, ...words: string[]) =>
  run(process.execPath, [
    join(REPOSITORY, 'dist/program/cli.js'),
    ...words,
    '--config',
    gateway.configFile,
  ]);
const reload = (gateway: TestGateway) => cellgate(gateway, 'reload');

async function statusOf(gateway: TestGateway) {
  return JSON.parse((await cellgate(gateway, 'status', '--json')).stdout);
}

async function connect(url: string, clientId: string, clean = true): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { clientId, clean, reconnectPeriod: 0 });
  onTestFinished(() => void client.end(true));
  return client;
}

describe('a reload', () => {
  test('of each kind changes what it says and nothing else, at 500 messages a second', {
    timeout: 180_000,
  }, async () => {
    const { gateway, config, put, url } = await start();
    const [subscriber, publisher] = [
      await connect(url, 'subscriber', false),
      await connect(url, 'publisher'),
    ];
    let closed = 0;
    for (const client of [subscriber, publisher]) client.on('close', () => closed++);
    const received: number[] = [];
    const steady: { boot: number; seq: number }[] = [];
    subscriber.on('message', (topic, payload) => {
      if (topic === 'load/a') received.push(Number(payload));
      else if (topic.endsWith('count')) steady.push(JSON.parse(payload.toString()));
    });
    await subscriber.subscribeAsync(['load/a', 'robotcell1/steady/count'], { qos: 1 });
    let sent = 0;
    let going = true;
    const load = (async () => {
      while (going) {
        await Promise.all(
          Array.from({ length: 10 }, () =>
            publisher.publishAsync('load/a', String(sent++), { qos: 1 }),
          ),
        );
        await pause(20);
      }
    })();
    await publisher.publishAsync('up/a', 'waits for the plant', { qos: 1 });
    for (const [name, change, told] of CHANGES) {
      change(config);
      put();
      // Without the process of the verb for each of them; the other tests have it.
      const report = (await askGateway(gateway.dataDir, { ask: 'reload' })) as ReloadReport;
      expect.soft(report, name).toMatchObject({ applied: true });
      expect.soft(report.changes.join('\n'), name).toMatch(told);
      expect.soft(closed, name).toBe(0);
    }
    going = false;
    await load;
    await publisher.publishAsync('alarm/b', 'by the route that is new', { qos: 1 });
    await publisher.publishAsync('other/c', 'by the uplink that is back', { qos: 1 });
    const { uplinks, sensors } = await statusOf(gateway);
    expect(uplinks).toMatchObject([
      { name: 'plant', queued: 2, url: 'mqtt://127.0.0.1:10' },
      { name: 'spare', queued: 1 },
    ]);
    expect(sensors.map(({ name }: { name: string }) => name)).toEqual(['steady', 'door']);
    await until('all has come', () => received.length >= sent);
    expect(received).toEqual(Array.from({ length: sent }, (_, i) => i));
    // Counted on without a gap, with numbers that never come again.
    expect(steady.length).toBeGreaterThan(20);
    const live = steady.slice(1);
    expect(live.map(({ seq }) => seq)).toEqual(live.map((_, i) => live[0]!.seq + i));
  });

  test('ends what the config has lost: topics of a sensor, clients of a listener', async () => {
    const { gateway, config, put, url, other } = await start();
    const client = await connect(`mqtt://127.0.0.1:${other}`, 'on-the-other');
    const watcher = await connect(url, 'watcher');
    const retained = new Map<string, string>();
    watcher.on('message', (topic, payload) => retained.set(topic, payload.toString()));
    await watcher.subscribeAsync('robotcell1/door', { qos: 1 });
    await until('the door is told', () => retained.has('robotcell1/door'));
    config.sensors.splice(1, 1);
    config.broker.listeners.splice(1, 1);
    put();
    const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
    expect((await reload(gateway)).code).toBe(0);
    await until('it is no longer retained', () => retained.get('robotcell1/door') === '');
    await gone;
    await expect(connect(`mqtt://127.0.0.1:${other}`, 'too-late')).rejects.toThrow(/ECONNREFUSED/);
    // Also where it went while the gateway did not run.
    config.sensors.splice(0, 1);
    put();
    await gateway.restart();
    const after: string[] = [];
    const late = await connect(url, 'late');
    late.on('message', (topic) => after.push(topic));
    await late.subscribeAsync('robotcell1/#', { qos: 1 });
    // A message of its own comes after all that is retained.
    await late.publishAsync('robotcell1/end', 'end', { qos: 1 });
    await until('the last message has come', () => after.includes('robotcell1/end'));
    expect(after).toEqual(['robotcell1/status', 'robotcell1/end']);
  });

  test('to an access file makes every client connect again, with a user', async () => {
    const { gateway, config, put, url } = await start();
    const client = await connect(url, 'anonymous');
    const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
    writeFileSync(join(gateway.dataDir, 'access.yaml'), 'users: []\n', { mode: 0o600 });
    config.broker.access = join(gateway.dataDir, 'access.yaml');
    put();
    expect(await reload(gateway)).toMatchObject({ code: 0, stderr: '' });
    await gone;
    await expect(connect(url, 'anonymous')).rejects.toThrow(/Not authorized/);
    config.broker.access = undefined;
    put();
    expect((await reload(gateway)).code).toBe(0);
    await connect(url, 'anonymous');
  });

  test('from old names of keys to new ones and back changes nothing, and logs each old name', async () => {
    const fixture = join(REPOSITORY, 'test/fixtures/old-keys/sim.yaml');
    const old = parse(readFileSync(fixture, 'utf8'));
    const port = await freePort();
    old.broker.listeners = [{ host: '127.0.0.1', port }];
    old.http.port = 0;
    old.uplinks[0].url = 'mqtt://127.0.0.1:9';
    delete old.data;
    const folder = tempFolder();
    const gateway = await startGateway({ config: { data: folder, ...old }, ports: [port] });
    onTestFinished(() => gateway.dispose());
    const warnings = () => gateway.stdout().match(/warning: renamed to/g)?.length ?? 0;
    expect(warnings()).toBe(6);

    const { queuedMessages, queuedBytes, queuedAge, queueFull, keepalive, ...others } =
      old.broker.limits;
    const queue = { messages: queuedMessages, bytes: queuedBytes, age: queuedAge, full: queueFull };
    const { retry, ...uplink } = old.uplinks[0];
    const renamed = {
      ...old,
      broker: { ...old.broker, limits: { ...others, queue, tcpKeepalive: keepalive } },
      uplinks: [{ ...uplink, reconnectMax: retry }],
    };
    for (const config of [renamed, old]) {
      writeFileSync(gateway.configFile, stringify({ data: folder, ...config }));
      expect(await reload(gateway)).toMatchObject({
        code: 0,
        stdout: 'nothing has changed\n',
        stderr: '',
      });
    }
    await until('the old names are logged again', () => warnings() >= 12);
    expect(warnings()).toBe(12);
  });

  test('is heard as SIGHUP too', async () => {
    const { gateway, config, put } = await start();
    config.sensors.push(extra);
    put();
    process.kill(gateway.pid, 'SIGHUP');
    await until('the sensor is there', async () => {
      const { sensors } = await statusOf(gateway);
      return sensors.length === 3;
    });
  });

  test('of a file that is wrong, or that can not be followed, changes nothing', {
    timeout: 60_000,
  }, async () => {
    const { gateway, config, put, url, other } = await start();
    const busy = await freePort();
    const blocker = await startGateway({
      config: { broker: { listeners: [{ host: '127.0.0.1', port: busy }] } },
      ports: [busy],
    });
    onTestFinished(() => blocker.dispose());
    const access = join(gateway.dataDir, 'access.yaml');
    writeFileSync(access, 'users: []\n', { mode: 0o600 });
    const wrong: readonly (readonly [string | ((c: Settings) => unknown), RegExp])[] = [
      ['', /the file is empty/],
      ['cell: robotcell1\n\tdata: x\n', /tab/i],
      ['cell: robotcell1\nsensor: []\n', /did you mean sensors/],
      [(c) => c.sensors.push({ name: 'x', driver: 'tmp201' }), /did you mean/],
      [(c) => c.sensors.push(c.sensors[0]!), /is named "steady" already/],
      [(c) => c.broker.listeners.push({ host: '127.0.0.1', port: busy }), /is in use by another/],
      [(c) => (c.broker.access = '/nowhere.yaml'), /nowhere\.yaml/],
      [
        (c) => {
          c.broker.access = access;
          c.broker.listeners.push({ host: '127.0.0.1', port: busy });
        },
        /is in use by another/,
      ],
      [(c) => (c.cell = 'robotcell2'), /cell has changed, which needs a restart/],
      [
        (c) => (c.uplinks[0]!.queue = { full: 'latest-per-topic' }),
        /keep the latest of each topic/,
      ],
      [(c) => (c.uplinks[0]!.password = 'literal'), /password/],
      [(c) => (c.broker.listeners[1]!.host = '0.0.0.0'), /anonymous|open to the network/],
    ];
    const before = await statusOf(gateway);
    const client = await connect(url, 'stays');
    let closed = false;
    client.on('close', () => {
      closed = true;
    });
    for (const [change, told] of wrong) {
      const text = stringify(config);
      if (typeof change === 'string') writeFileSync(gateway.configFile, change);
      else {
        const broken = structuredClone(config);
        change(broken);
        if (told.source.includes('anonymous')) delete broken.broker.listeners[1]!.anonymous;
        writeFileSync(gateway.configFile, stringify(broken));
      }
      const { code, stdout, stderr } = await reload(gateway);
      expect.soft(code, text).toBe(1);
      expect.soft(stderr).toMatch(told);
      expect.soft(stderr).toMatch(/nothing was changed/);
      expect.soft(stdout).not.toMatch(/^done$/m);
    }
    put();
    const after = await statusOf(gateway);
    const shape = ({ sensors, uplinks }: typeof after): unknown => [
      sensors.map(({ name }: { name: string }) => name),
      uplinks.map(({ name }: { name: string }) => name),
    ];
    expect(shape(after)).toEqual(shape(before));
    expect(closed).toBe(false);
    await connect(`mqtt://127.0.0.1:${other}`, 'the-other-listener-too');
    expect((await reload(gateway)).stdout).toBe('nothing has changed\n');
  });
});
