import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Authority } from '../../support/certificates.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import {
  type PacketProxy,
  packetIdOf,
  type SeenPacket,
  startPacketProxy,
} from '../../support/packet-proxy.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { startPlantLink } from '../../support/plant-link.ts';
import { compiler, compileSlowSync } from '../../support/slow-sync.ts';
import { statusWhen } from '../../support/statuses.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

async function plantBehindProxy(lines: readonly string[] = []) {
  const plant = await startPlant(lines);
  onTestFinished(() => plant.dispose());
  const proxy = await startPacketProxy(plant.port);
  onTestFinished(() => proxy.close());
  const collector = await collect(plant.port, 'p/#');
  onTestFinished(() => collector.close());
  const payloads = (): string[] => collector.arrivals.map(({ payload }) => payload);
  return { plant, proxy, payloads };
}

async function gatewayTo(
  port: number,
  uplink: object,
  env?: NodeJS.ProcessEnv,
): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      cell: 'cell',
      uplinks: [{ name: 'plant', url: `mqtt://127.0.0.1:${port}`, reconnectMax: '1s', ...uplink }],
    },
    ...(env ? { env } : {}),
  });
  onTestFinished(() => gateway.dispose());
  return gateway;
}

async function publish(gateway: TestGateway, topic: string, qos: 1 | 2): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  await client.publishAsync(topic, topic, { qos });
  await client.endAsync();
}

/** The plant forgets the session of the gateway. */
async function loseSession({ port }: TestPlant): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: 'cell-plant',
    clean: true,
  });
  await client.endAsync();
}

/** The QoS 2 packets to the plant, in order. */
function sentTo({ packets }: PacketProxy): SeenPacket[] {
  return packets.filter(({ type, towards, bytes }) => {
    return (
      towards === 'plant' && (type === 'pubrel' || (type === 'publish' && (bytes[0]! & 6) === 4))
    );
  });
}

const QOS_2 = [{ out: 'up/#', to: 'p/', qos: 2 }];

describe.each([4, 5] as const)(
  'QoS 2, level %i: a plant that has lost its session gets the message again',
  (protocol) => {
    test('that is in memory', async () => {
      const { plant, proxy, payloads } = await plantBehindProxy();
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const link = await startPlantLink(tempFolder(), { url, protocol, routes: QOS_2 });
      await link.connected();
      const isCut = proxy.cutAt(({ type }) => type === 'pubrel');
      await link.publish('once');
      await isCut;
      await loseSession(plant);
      const before = sentTo(proxy).length;
      proxy.open();
      await until('it has arrived', () => payloads().includes('once'));
      expect(sentTo(proxy).slice(before)[0]?.type).toBe('publish');
      await until('it is complete', () => link.status.queued === 0);
      expect(payloads()).toEqual(['once']);
    });

    test('that is on disk', async () => {
      const { plant, proxy, payloads } = await plantBehindProxy();
      const url = `mqtt://127.0.0.1:${proxy.port}`;
      const folder = tempFolder();
      const link = await startPlantLink(folder, { url, protocol, routes: QOS_2 });
      await link.connected();
      const isCut = proxy.cutAt(({ type }) => type === 'pubrel');
      await link.publish('once');
      await isCut;
      await link.stop();
      await loseSession(plant);
      const before = sentTo(proxy).length;
      proxy.open();
      const again = await startPlantLink(folder, { url, protocol, routes: QOS_2 });
      await until('it has arrived', () => payloads().includes('once'));
      expect(sentTo(proxy).slice(before)[0]?.type).toBe('publish');
      await until('it is complete', () => again.status.queued === 0);
      expect(payloads()).toEqual(['once']);
    });

    test('also after a crash on the new session, which the plant then keeps', async () => {
      const { plant, proxy, payloads } = await plantBehindProxy();
      const gateway = await gatewayTo(proxy.port, { protocol, routes: QOS_2 });
      await statusWhen(gateway.port, ({ state }) => state === 'connected');
      const isCut = proxy.cutAt(({ type }) => type === 'pubrel');
      await publish(gateway, 'up/once', 2);
      await isCut;
      await loseSession(plant);
      // It is sent again on the new session, and does not arrive there.
      const isCutAgain = proxy.cutAt(
        ({ type, bytes }) => type === 'publish' && bytes.includes('p/up'),
      );
      proxy.open();
      await isCutAgain;
      await gateway.kill();
      const before = sentTo(proxy).length;
      proxy.open();
      await gateway.restart();
      await until('it has arrived', () => payloads().includes('up/once'));
      expect(sentTo(proxy).slice(before)[0]?.type).toBe('publish');
      await statusWhen(gateway.port, ({ queued }) => queued === 0);
      expect(payloads()).toEqual(['up/once']);
    });
  },
);

test('QoS 2 on a slow disk: no PUBLISH before the message is on disk, no PUBREL before its PUBREC is', async (context) => {
  needs(compiler)(context);
  const SYNC_MS = 400;
  const { proxy } = await plantBehindProxy();
  const env = compileSlowSync().env({ syncMs: SYNC_MS });
  const gateway = await gatewayTo(proxy.port, { routes: QOS_2 }, env);
  await statusWhen(gateway.port, ({ state }) => state === 'connected', 30_000);
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  onTestFinished(() => client.endAsync(true));
  const published = performance.now();
  client.publish('up/x', 'x', { qos: 2 });
  const find = (wanted: SeenPacket['type']) =>
    proxy.packets.find(
      (packet) => packet.type === wanted && (wanted !== 'publish' || packet.bytes.includes('p/up')),
    );
  await until('it is complete', () => find('pubcomp') !== undefined, 30_000);
  const [sent, received, released] = [find('publish')!, find('pubrec')!, find('pubrel')!];
  expect(packetIdOf(received)).toBe(packetIdOf(sent));
  // Less than one sync would mean that nobody waited for it.
  expect(sent.at - published).toBeGreaterThan(SYNC_MS * 0.9);
  expect(released.at - received.at).toBeGreaterThan(SYNC_MS * 0.9);
});

test('a message that the plant refused does not come back after a restart', async () => {
  const authority = new Authority();
  writeFileSync(
    authority.file('acl'),
    'topic read #\ntopic write p/up/allowed\ntopic write cell/#\n',
  );
  const { proxy, payloads } = await plantBehindProxy([`acl_file ${join(authority.file('acl'))}`]);
  const gateway = await gatewayTo(proxy.port, { routes: [{ out: 'up/#', to: 'p/' }] });
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
  await publish(gateway, 'up/forbidden', 1);
  await statusWhen(gateway.port, ({ deadLetters }) => deadLetters === 1);
  await gateway.restart();
  const before = proxy.packets.length;
  await statusWhen(gateway.port, ({ state, queued }) => state === 'connected' && queued === 0);
  await publish(gateway, 'up/allowed', 1);
  await until('the next one has arrived', () => payloads().includes('up/allowed'));
  const since = proxy.packets.slice(before).map(({ bytes }) => bytes.toString('latin1'));
  expect(since.filter((bytes) => bytes.includes('up/forbidden'))).toEqual([]);
});

test('six breaks after CONNACK and before the status is acknowledged refuse no message', async () => {
  const { proxy, payloads } = await plantBehindProxy();
  proxy.shut();
  const url = `mqtt://127.0.0.1:${proxy.port}`;
  const link = await startPlantLink(tempFolder(), { url, routes: [{ out: 'up/#', to: 'p/' }] });
  await link.publish('kept');
  for (let n = 0; n < 6; n++) {
    // The first acknowledgement of the plant is that of the status.
    const isCut = proxy.cutAt(({ type }) => type === 'puback');
    proxy.open();
    await isCut;
    expect(proxy.packets.some(({ bytes }) => bytes.includes('kept'))).toBe(true);
  }
  proxy.open();
  await until('it has arrived', () => payloads().includes('kept'));
  await until('it is acknowledged', () => link.status.queued === 0);
  expect(link.status).toMatchObject({ deadLetters: 0 });
}, 60_000);

describe.each([4, 5] as const)('in routes, level %i', (protocol) => {
  const IN = ['a', 'b'].map((name) => ({ in: `down/${name}/#`, strip: 'down/' }));

  async function command({ port }: TestPlant, topic: string): Promise<void> {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    await client.publishAsync(topic, 'x', { qos: 1 });
    await client.endAsync();
  }

  test('a new one is subscribed in a session that the plant has kept, by a reload and by a restart', async () => {
    const { plant } = await plantBehindProxy();
    const folder = tempFolder();
    const url = `mqtt://127.0.0.1:${plant.port}`;
    const link = await startPlantLink(folder, { url, protocol, routes: IN.slice(0, 1) });
    await link.connected();
    await link.applyConfig({ routes: IN });
    await link.connected();
    await command(plant, 'down/b/x');
    await until('it is here', () => link.received.includes('b/x x'));
    await link.stop();
    const more = [...IN, { in: 'down/c/#', strip: 'down/' }];
    const again = await startPlantLink(folder, { url, protocol, routes: more });
    await again.connected();
    for (const name of ['a', 'b', 'c']) await command(plant, `down/${name}/x`);
    await until('all are here', () => again.received.length === 3);
    expect(again.received).toEqual(['a/x x', 'b/x x', 'c/x x']);
  });

  test('retained messages do not come again on a session that the plant has kept', async () => {
    const { plant, proxy } = await plantBehindProxy();
    const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
    await office.publishAsync('down/a/x', 'retained', { qos: 1, retain: true });
    await office.endAsync();
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const folder = tempFolder();
    const link = await startPlantLink(folder, { url, protocol, routes: IN });
    await until('it is here', () => link.received.length === 1);
    // Without its PUBACK the plant would send it again.
    await until('it is acknowledged', () =>
      proxy.packets.some(({ type, towards }) => type === 'puback' && towards === 'plant'),
    );
    // The session is proven: a connection that ends earlier is asked again.
    await until('the proof is back', () => {
      const proofs = proxy.packets.filter(({ bytes }) =>
        /probe\/\w{8}/.test(bytes.toString('latin1')),
      );
      return (
        protocol === 5 ||
        proofs.some(({ type, towards }) => type === 'publish' && towards === 'gateway')
      );
    });
    const reconnects = link.status.reconnects;
    proxy.shut();
    await until('it is down', () => link.status.reconnects > reconnects);
    proxy.open();
    await link.connected();
    await link.stop();
    const again = await startPlantLink(folder, { url, protocol, routes: IN });
    await again.connected();
    await command(plant, 'down/b/x');
    await until('a later one is here', () => again.received.includes('b/x x'));
    expect([link.received, again.received]).toEqual([['a/x retained'], ['b/x x']]);
  });
});
