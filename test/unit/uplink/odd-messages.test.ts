import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { exportQueue } from '../../../src/store/admin/queue-admin.ts';
import { EchoGuard } from '../../../src/uplink/echo.ts';
import { receivedProblem } from '../../../src/uplink/received-problem.ts';
import { Routes } from '../../../src/uplink/routes.ts';
import { createUplinks } from '../../../src/uplink/uplinks.ts';
import { startBroker } from '../../support/broker.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

afterEach(() => vi.restoreAllMocks());

/** A gateway's broker with an uplink to a plant, both in this process. */
async function setUp(routes: readonly object[]) {
  const plant = await startBroker(tempFolder());
  const folder = tempFolder();
  const gateway = await startBroker(folder);
  const { broker, store, faults } = gateway;
  const config: UplinkConfig = completeUplink(
    uplinkSchema.parse({
      ...{ name: 'plant', url: `mqtt://127.0.0.1:${plant.port}`, reconnectMax: '1s', protocol: 4 },
      routes,
    }),
    'cell',
  );
  const { log } = createQuietLog();
  const uplinks = createUplinks({ cell: 'cell', store, broker, clock: systemClock, log, faults }, [
    config,
  ]);
  await uplinks.outboxes.start();
  await uplinks.connections.start();
  onTestFinished(async () => {
    await uplinks.connections.stop();
    await uplinks.outboxes.stop();
  });
  const [uplink] = uplinks.all();
  await until('the uplink is connected', () => uplink!.status.state === 'connected');
  const refused = () => [...exportQueue(folder, 'refused/plant')];
  const clientOf = async (port: number): Promise<MqttClient> => {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    onTestFinished(() => client.endAsync(true));
    return client;
  };
  const lan = await clientOf(gateway.port);
  return { plant, gateway, faults, uplink: uplink!, refused, lan, clientOf };
}

/** Resolves with topics and payloads once one has this payload. */
async function seenBy(client: MqttClient, filter: string, last: string) {
  const seen: (readonly [string, string])[] = [];
  client.on('message', (topic, payload) => seen.push([topic, payload.toString()]));
  await client.subscribeAsync(filter, { qos: 1 });
  return async () => {
    await until(`${last} is there`, () => seen.some(([, payload]) => payload === last));
    return seen;
  };
}

test('out: a topic that gets too long is refused with its length, and the line goes on', async () => {
  const { plant, clientOf, lan, refused, uplink, faults } = await setUp([
    { out: '#', to: 'plant/line4/' },
  ]);
  const seen = await seenBy(await clientOf(plant.port), 'plant/#', 'after');
  const long = 'x'.repeat(65_530);
  await lan.publishAsync(long, 'long', { qos: 1, retain: true });
  await lan.publishAsync('t', 'after', { qos: 1 });
  expect(await seen()).toEqual([['plant/line4/t', 'after']]);
  await until('it is refused', () => refused().length === 1);
  expect(refused()[0]).toMatchObject({
    topic: long,
    payload: 'long',
    reason: 'topic too long: 65542 bytes at the plant, MQTT takes 65535',
  });
  expect(uplink.status).toMatchObject({ state: 'connected', deadLetters: 1, reconnects: 0 });
  expect(Object.values(faults.counts).every((count) => count === 0)).toBe(true);
});

describe('in: a message that can not be published here is refused with its reason, and the line goes on', () => {
  const long = `p/${'x'.repeat(65_530)}`;
  test.each([
    [
      'too long',
      { in: 'p/#', to: 'from/plant/' },
      long,
      'its topic here has 65543 bytes, more than 65535',
    ],
    ['empty', { in: 'p/#', strip: 'p/' }, 'p/', 'its topic here is empty'],
    ['empty: the parent of #', { in: 'p/#', strip: 'p/' }, 'p', 'its topic here is empty'],
    [
      'of the broker',
      { in: 'p/#', strip: 'p/' },
      'p/$SYS/x',
      'its topic here begins with $, which',
    ],
  ])('%s', async (_what, route, topic, reason) => {
    const { plant, gateway, clientOf, lan, refused, uplink } = await setUp([route]);
    const seen = await seenBy(lan, '#', 'after');
    const machine = await clientOf(plant.port);
    await machine.publishAsync(topic, 'odd', { qos: 1 });
    await machine.publishAsync('p/t', 'after', { qos: 1 });
    expect(await seen()).toHaveLength(1);
    // Messages of the plant share a commit: the later one does not wait for that of the refused one.
    await until('it is refused', () => refused().length === 1);
    expect(refused()).toMatchObject([
      { topic, payload: 'odd', reason: expect.stringContaining(reason) },
    ]);
    expect(refused()[0]!.reason).toMatch(/^from the plant, not published here: /);
    expect(uplink.status).toMatchObject({ state: 'connected', reconnects: 0, deadLetters: 1 });
    expect(gateway.broker.counts.retained).toBe(0);
  });
});

test('in: a packet that MQTT can not carry is a problem', () => {
  const payload = { length: 268_435_455 - 4 - 3 } as Uint8Array;
  expect(receivedProblem('a/b', payload)).toBeUndefined();
  expect(receivedProblem('a/bc', payload)).toBe(
    'it would be a packet of 268435461 bytes, more than MQTT takes',
  );
});

test('send: a message made to throw is refused, and the others arrive', async () => {
  const { plant, clientOf, lan, refused, faults, uplink } = await setUp([{ out: '#', to: 'p/' }]);
  const seen = await seenBy(await clientOf(plant.port), 'p/#', 'after');
  const { out } = Routes.prototype;
  let asked = 0;
  vi.spyOn(Routes.prototype, 'out').mockImplementation(function (this: Routes, topic) {
    // The first time it is queued.
    if (topic === 'bad' && asked++ > 0) throw new Error('made to throw');
    return out.call(this, topic);
  });
  for (const topic of ['a', 'bad', 'b']) await lan.publishAsync(topic, topic, { qos: 1 });
  await lan.publishAsync('t', 'after', { qos: 1 });
  expect((await seen()).map(([topic]) => topic)).toEqual(['p/a', 'p/b', 'p/t']);
  await until('it is refused', () => refused().length === 1);
  const reason =
    'a fault of the gateway, sending a message of "bad" to uplink plant: Error: made to throw';
  expect(refused()).toMatchObject([{ topic: 'bad', reason }]);
  expect(faults.counts.send).toBeGreaterThan(0);
  expect(uplink.status.reconnects).toBe(0);
});

test('receive: a message made to throw is refused and acknowledged, and the others arrive', async () => {
  const { plant, clientOf, lan, refused, faults, uplink } = await setUp([{ in: 'p/#' }]);
  const seen = await seenBy(lan, '#', 'after');
  const { isEcho } = EchoGuard.prototype;
  vi.spyOn(EchoGuard.prototype, 'isEcho').mockImplementation(function (this: EchoGuard, ...given) {
    if (given[0].topic === 'p/bad') throw new Error('made to throw');
    return isEcho.apply(this, given);
  });
  const machine = await clientOf(plant.port);
  for (const topic of ['p/a', 'p/bad', 'p/b']) await machine.publishAsync(topic, topic, { qos: 1 });
  await machine.publishAsync('p/t', 'after', { qos: 1 });
  expect((await seen()).map(([topic]) => topic)).toEqual(['p/a', 'p/b', 'p/t']);
  await until('it is refused', () => refused().length === 1);
  expect(refused()).toMatchObject([{ topic: 'p/bad', payload: 'p/bad' }]);
  expect(faults.counts.receive).toBe(1);
  expect(uplink.status.reconnects).toBe(0);
});
