import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Authority } from '../../support/certificates.ts';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { run } from '../../support/run.ts';
import { freePort } from '../../support/server-process.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function plantWith(lines: readonly string[] = []): Promise<TestPlant> {
  const plant = await startPlant(lines);
  ends.push(() => plant.dispose());
  return plant;
}

async function gatewayTo(
  url: string | readonly string[],
  uplink: Readonly<Record<string, unknown>> = {},
): Promise<TestGateway> {
  const routes = [{ out: 'up/#', to: 'p/', qos: 1 }];
  const address = typeof url === 'string' ? { url } : { urls: url };
  const gateway = await startGateway({
    config: { uplinks: [{ name: 'plant', ...address, reconnectMax: '1s', routes, ...uplink }] },
  });
  ends.push(() => gateway.dispose());
  return gateway;
}

async function publish(gateway: TestGateway, topic: string, count = 1): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  const all = Array.from({ length: count }, (_, i) =>
    client.publishAsync(topic, String(i), { qos: 1 }),
  );
  await Promise.all(all);
  await client.endAsync();
}

const connected = (gateway: TestGateway) =>
  statusWhen(gateway.port, ({ state }) => state === 'connected', 20_000);

test.each([
  ['mqtts', []],
  ['wss', ['protocol websockets']],
] as const)('%s, with a client certificate as identity', async (scheme, lines) => {
  const authority = new Authority();
  authority.run('client', 'gateway7');
  const file = (name: string): string => authority.file(name);
  const port = await freePort();
  const plant = await plantWith([
    `listener ${port} 127.0.0.1`,
    ...lines,
    `cafile ${file('ca.crt')}`,
    `certfile ${file('gateway.crt')}`,
    `keyfile ${file('gateway.key')}`,
    'require_certificate true',
    'use_identity_as_username true',
  ]);
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const tls = { ca: file('ca.crt') };
  const without = await gatewayTo(`${scheme}://127.0.0.1:${port}`, { tls });
  await statusWhen(without.port, ({ reason }) => /certificate/.test(reason ?? ''), 20_000);
  const own = { ...tls, cert: file('gateway7.crt'), key: file('gateway7.key') };
  const gateway = await gatewayTo(`${scheme}://127.0.0.1:${port}`, { tls: own, clientId: 'seven' });
  await connected(gateway);
  await publish(gateway, 'up/a');
  await collector.until((all) => all.some(({ topic }) => topic === 'p/up/a'));
  expect(plant.stderr() + plant.stdout()).toMatch(/seven.*u'gateway7'/);
});

test('ALPN offers what the config says', async () => {
  const authority = new Authority();
  const plant = await plantWith();
  const offered: unknown[] = [];
  const tlsServer = createTlsServer(
    {
      cert: readFileSync(authority.file('gateway.crt')),
      key: readFileSync(authority.file('gateway.key')),
      ALPNProtocols: ['x-plant-mqtt'],
    },
    (socket) => {
      offered.push(socket.alpnProtocol);
      const far = connect(plant.port, '127.0.0.1');
      for (const [one, other] of [
        [socket, far],
        [far, socket],
      ] as const) {
        one.on('error', () => other.destroy());
        one.pipe(other);
      }
    },
  );
  await new Promise<void>((resolve) => tlsServer.listen(0, '127.0.0.1', resolve));
  ends.push(() => tlsServer.close());
  const { port } = tlsServer.address() as { port: number };
  const tls = { ca: authority.file('ca.crt'), alpn: ['x-plant-mqtt'] };
  await connected(await gatewayTo(`mqtts://127.0.0.1:${port}`, { tls }));
  expect(offered).toEqual(['x-plant-mqtt']);
});

test('T18 no more is in flight than the plant takes (receive maximum)', async () => {
  const plant = await plantWith(['max_inflight_messages 3']);
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${plant.port}`, { inflight: 100 });
  await connected(gateway);
  await publish(gateway, 'up/many', 500);
  const many = (all: readonly { topic: string }[]): number =>
    all.filter(({ topic }) => topic === 'p/up/many').length;
  await collector.until((all) => many(all) >= 500, 30_000);
  // Mosquitto ends a connection that sends more than its receive maximum.
  const { reconnects } = await connected(gateway);
  expect(reconnects).toBe(0);
  expect(many(collector.arrivals)).toBe(500);
});

test('a message whose topic the plant does not allow moves to the refused messages, and the next is sent', async () => {
  const authority = new Authority();
  writeFileSync(
    authority.file('acl'),
    'topic read #\ntopic write p/up/allowed\ntopic write robotcell1/#\n',
  );
  const plant = await plantWith([`acl_file ${authority.file('acl')}`]);
  const collector = await collect(plant.port);
  ends.push(() => collector.close());
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${plant.port}`, { probe: 'off' });
  await connected(gateway);
  await publish(gateway, 'up/forbidden');
  await publish(gateway, 'up/allowed');
  await collector.until((all) => all.some(({ topic }) => topic === 'p/up/allowed'));
  await statusWhen(gateway.port, ({ deadLetters }) => deadLetters === 1);
  const listed = await run(process.execPath, [
    join(REPOSITORY, 'dist/program/cli.js'),
    ...['queue', 'export', '--session', 'refused/plant', '--config', gateway.configFile],
  ]);
  expect(JSON.parse(listed.stdout)).toMatchObject({
    topic: 'up/forbidden',
    reason: expect.stringMatching(/not authorised .*0x87/),
  });
});

/** A server that answers each CONNECT with these bytes. */
async function serverSaying(bytes: readonly number[]): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(Buffer.from(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as { port: number }).port;
}

/** MQTT 5: property 0x1c, server reference. */
const elsewhere = [0x1c, 0, 5, ...Buffer.from('other')];

test.each([
  ['CONNACK', [0x20, 3 + elsewhere.length, 0, 0x9d, elsewhere.length, ...elsewhere]],
  [
    'DISCONNECT',
    [0x20, 3, 0, 0, 0, 0xe0, 2 + elsewhere.length, 0x9d, elsewhere.length, ...elsewhere],
  ],
] as const)('a plant that has moved says where to (%s)', async (_, bytes) => {
  const gateway = await gatewayTo(`mqtt://127.0.0.1:${await serverSaying(bytes)}`);
  await statusWhen(gateway.port, ({ reason }) => /moved|other/.test(reason ?? ''), 20_000);
});

test.runIf(process.env.UPLINK_WHOLE)(
  'the first address is taken again when it answers',
  { timeout: 120_000 },
  async () => {
    const first = await plantWith();
    const second = await plantWith();
    await first.stop();
    const urls = [first, second].map(({ port }) => `mqtt://127.0.0.1:${port}`);
    const gateway = await gatewayTo(urls);
    expect((await connected(gateway)).url).toBe(urls[1]);
    await first.restart();
    const back = await statusWhen(
      gateway.port,
      ({ state, url }) => state === 'connected' && url === urls[0],
      100_000,
    );
    expect(back.url).toBe(urls[0]);
  },
);
