import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import mqtt, { type IPublishPacket } from 'mqtt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Client5 } from '../../support/client-5.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as p from '../../support/packets-5.ts';
import { startPlant, type TestPlant } from '../../support/plant.ts';
import { freePort } from '../../support/server-process.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const KEPT = { clean: false, properties: [['sessionExpiry', 3600]] as p.Properties };
/** All that a message can have, with user properties in an order that no map keeps. */
const ALL: p.Properties = [
  ['payloadFormat', 1],
  ['contentType', 'text/plain'],
  ['responseTopic', 'answers/ä'],
  ['correlationData', Buffer.from([0, 1, 255])],
  ['userProperty', ['b', '1']],
  ['userProperty', ['2', 'x']],
  ['userProperty', ['a', '']],
  ['userProperty', ['b', '3']],
  ['userProperty', ['1', 'y']],
];
const EXPIRING = (seconds: number): p.Properties => [['messageExpiry', seconds], ...ALL];

async function clientOf(port: number, options: p.ConnectOptions5): Promise<Client5> {
  const client = await Client5.open('tcp', port);
  ends.push(() => client.destroy());
  return client.connect(options);
}

async function plantOf(lines: readonly string[] = [], to = ends): Promise<TestPlant> {
  const plant = await startPlant(lines);
  to.push(() => plant.dispose());
  return plant;
}

async function gatewayTo(port: number, uplink: object, to = ends): Promise<TestGateway> {
  const one = { name: 'plant', url: `mqtt://127.0.0.1:${port}`, reconnectMax: '1s', ...uplink };
  const listener = { host: '127.0.0.1', port: await freePort(), versions: [3, 4, 5] };
  const config = { uplinks: [one], broker: { listeners: [listener] } };
  const gateway = await startGateway({ config, ports: [listener.port] });
  to.push(() => gateway.dispose());
  return Object.assign(gateway, { port: listener.port });
}

const connected = (gateway: TestGateway) =>
  statusWhen(gateway.port, ({ state }) => state === 'connected');

const withoutExpiry = (properties: p.Properties): p.Properties =>
  properties.filter(([name]) => name !== 'messageExpiry');

/** The properties of a message without those that the gateway adds for itself. */
const own = ({ properties }: p.Packet5): p.Properties =>
  properties.filter(([, value]) => !(Array.isArray(value) && value[0] === 'cellgate-from'));

const ROUTES = [
  { out: 'out/#', to: 'up/', qos: 2 },
  { in: 'down/#', strip: 'down/', to: 'in/', retain: 'keep' },
];

describe('a plant of MQTT 5', () => {
  let plant: TestPlant;
  let gateway: TestGateway;
  const all: (() => unknown)[] = [];
  beforeAll(async () => {
    if (!tools.mosquitto.path) return;
    plant = await plantOf([], all);
    gateway = await gatewayTo(plant.port, { routes: ROUTES }, all);
    await connected(gateway);
  }, 60_000);
  afterAll(async () => {
    for (const end of all.reverse()) await end();
  });

  test('properties go to a plant of MQTT 5 and come from it, unchanged and in their order', async () => {
    const office = await clientOf(plant.port, { clientId: 'office' });
    await office.subscribe([['up/#', 2]]);
    const machine = await clientOf(gateway.port, { clientId: 'machine' });
    await machine.subscribe([['in/#', 2]]);
    for (const qos of [0, 1, 2]) {
      for (const properties of [ALL, [], EXPIRING(100), ALL.slice(4, 6)]) {
        await machine.publish('out/1', 'up', { qos, properties });
        const up = await office.message();
        expect(up).toMatchObject({ topic: 'up/out/1', payload: 'up' });
        expect(p.valuesIn(up, 'userProperty').at(-1)).toEqual([
          'cellgate-from',
          expect.any(String),
        ]);
        expect(withoutExpiry(own(up))).toEqual(withoutExpiry(properties));
        await office.publish('down/1', 'down', { qos, properties });
        const down = await machine.message();
        expect(down).toMatchObject({ topic: 'in/1', payload: 'down' });
        expect(withoutExpiry(down.properties)).toEqual(withoutExpiry(properties));
        for (const message of [up, down]) {
          const [left] = p.valuesIn(message, 'messageExpiry');
          if (properties[0]?.[0] !== 'messageExpiry') expect(left).toBeUndefined();
          else expect(left).toSatisfy((seconds: number) => seconds > 40 && seconds <= 100);
        }
      }
    }
  });

  test('mosquitto_pub -V 5 at the plant reaches a client of mqtt.js, with the properties', async () => {
    const machine = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
      protocolVersion: 5,
    });
    ends.push(() => machine.endAsync(true));
    const arrived = new Promise<IPublishPacket>((resolve) => {
      machine.on('message', (_topic, _payload, packet) => resolve(packet));
    });
    await machine.subscribeAsync('in/#', { qos: 1 });
    const properties = [
      ['content-type', 'text/plain'],
      ['response-topic', 'out/answers'],
      ['correlation-data', 'c1'],
      ['user-property', 'a', '1'],
      ['message-expiry-interval', '60'],
    ].flatMap((words) => ['-D', 'publish', ...words]);
    const args = ['-V', '5', '-p', `${plant.port}`, '-t', 'down/1', '-m', 'hi', '-q', '1'];
    await promisify(execFile)('mosquitto_pub', [...args, ...properties]);
    expect((await arrived).properties).toMatchObject({
      contentType: 'text/plain',
      // It is a topic at the plant, and stays one.
      responseTopic: 'out/answers',
      correlationData: Buffer.from('c1'),
      userProperties: { a: '1' },
      messageExpiryInterval: expect.any(Number),
    });
  });
});

test('a plant of MQTT 3.1.1 gets the messages without their properties', async () => {
  const plant = await plantOf();
  const gateway = await gatewayTo(plant.port, { protocol: 4, routes: ROUTES });
  await connected(gateway);
  const office = await clientOf(plant.port, { clientId: 'office' });
  await office.subscribe([['up/#', 2]]);
  const machine = await clientOf(gateway.port, { clientId: 'machine' });
  await machine.subscribe([['in/#', 2]]);
  await machine.publish('out/1', 'up', { qos: 1, properties: EXPIRING(100) });
  expect(await office.message()).toMatchObject({ payload: 'up', properties: [] });
  await office.publish('down/1', 'down', { qos: 1, properties: ALL });
  expect(await machine.message()).toMatchObject({ payload: 'down', properties: [] });
});

test('properties count to the size that the plant takes', async () => {
  const plant = await plantOf(['max_packet_size 2000']);
  const gateway = await gatewayTo(plant.port, { routes: ROUTES });
  await connected(gateway);
  const office = await clientOf(plant.port, { clientId: 'office' });
  await office.subscribe([['up/#', 2]]);
  const machine = await clientOf(gateway.port, { clientId: 'machine' });
  const large: p.Properties = [['userProperty', ['n', 'x'.repeat(2000)]]];
  await machine.publish('out/1', 'large', { qos: 1, properties: large });
  await machine.publish('out/1', 'small', { qos: 1, properties: ALL });
  expect(await office.message()).toMatchObject({ payload: 'small' });
  await statusWhen(gateway.port, ({ deadLetters }) => deadLetters === 1);
});

test('after a kill -9, messages in the queue have their properties, and those that have expired meanwhile are not sent', async () => {
  const plant = await plantOf();
  const gateway = await gatewayTo(plant.port, { routes: ROUTES });
  await connected(gateway);
  const office = await clientOf(plant.port, { clientId: 'office', ...KEPT });
  await office.subscribe([['up/#', 2]]);
  await office.disconnect();
  await plant.stop();
  await statusWhen(gateway.port, ({ state }) => state === 'down');
  const machine = await clientOf(gateway.port, { clientId: 'machine' });
  for (const qos of [1, 2]) {
    await machine.publish(`out/${qos}/lasting`, 'a', { qos, properties: ALL });
    await machine.publish(`out/${qos}/short`, 'b', { qos, properties: EXPIRING(1) });
    await machine.publish(`out/${qos}/long`, 'c', { qos, properties: EXPIRING(1000) });
  }
  const queuedAt = performance.now();
  await gateway.kill();
  machine.destroy();
  await until('a second has passed', () => performance.now() - queuedAt > 1500);
  await gateway.restart();
  await plant.restart();
  const back = await clientOf(plant.port, { clientId: 'office', ...KEPT });
  for (const [qos, name] of [1, 2].flatMap((one) => [
    [one, 'lasting'],
    [one, 'long'],
  ]) as [number, string][]) {
    const message = await back.message();
    expect(message).toMatchObject({ topic: `up/out/${qos}/${name}`, qos });
    expect(withoutExpiry(own(message))).toEqual(ALL);
    const [left] = p.valuesIn(message, 'messageExpiry');
    if (name === 'lasting') expect(left).toBeUndefined();
    // What Mosquitto has taken off before is in it too.
    else expect(left).toSatisfy((seconds: number) => seconds < 1000 && seconds > 900);
  }
  const { dropped } = await statusWhen(gateway.port, ({ queued }) => queued === 0);
  expect(dropped).toEqual({ 'out/# expired': 2 });
});
