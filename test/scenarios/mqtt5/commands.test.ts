import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mqtt, { type IPublishPacket } from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Client5 } from '../../support/client-5.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as p from '../../support/packets-5.ts';
import { startPlant, type TestPlant } from '../../support/plant.ts';
import { freePort } from '../../support/server-process.ts';
import { needs, tools } from '../../support/tools.ts';
import { waitFor } from '../../support/wait-for.ts';

beforeEach(needs(tools.mosquitto));

const ACCESS = `anonymous:
  rules:
    - { topic: 'robotcell1/#', allow: readwrite }
    - { topic: 'answers/#', allow: readwrite }
    - { topic: '$SYS/#', allow: read }
`;
const SENSORS = [
  { name: 'json', driver: 'simulated', signal: 'door', every: '100ms' },
  { name: 'bare', driver: 'simulated', signal: 'door', every: '100ms', payload: 'value' },
  {
    ...{ name: 'still', driver: 'simulated', signal: 'cycles', every: '1s', expires: '3s' },
    filters: [{ deadband: 1_000_000 }],
  },
];

let plant: TestPlant;
let gateway: TestGateway;
let port: number;
let folder: string | undefined;

beforeAll(async () => {
  if (!tools.mosquitto.path) return;
  plant = await startPlant();
  port = await freePort();
  folder = mkdtempSync(join(tmpdir(), 'cellgate-commands-'));
  const access = join(folder, 'access.yaml');
  writeFileSync(access, ACCESS);
  const routes = [
    { in: 'cmd/robotcell1/+/set', strip: 'cmd/' },
    { out: 'answers/plant/#', to: '' },
  ];
  gateway = await startGateway({
    config: {
      broker: { access, listeners: [{ host: '127.0.0.1', port, versions: [3, 4, 5] }] },
      gpio: { backend: 'simulated' },
      outputs: ['lamp', 'valve'].map((name, place) => {
        return { name, driver: 'digital-output', line: `DO${place}` };
      }),
      sensors: SENSORS,
      uplinks: [{ name: 'plant', url: `mqtt://127.0.0.1:${plant.port}`, routes }],
    },
    ports: [port],
  });
}, 60_000);
afterAll(async () => {
  await gateway?.dispose();
  await plant?.dispose();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function connect(options: p.ConnectOptions5, at = port): Promise<Client5> {
  return (await Client5.open('tcp', at)).connect(options);
}

const ASKING: p.Properties = [
  ['responseTopic', 'answers/1'],
  ['correlationData', Buffer.from([1, 0, 255])],
];
const LAMP = 'robotcell1/lamp/set';

describe('a command that asks for an answer', () => {
  test.each([0, 1, 2])('at QoS %i gets its result, as well as on the result topic', async (qos) => {
    const properties: p.Properties = [['sessionExpiry', 60]];
    const hmi = await connect({ clientId: `hmi${qos}`, clean: false, properties });
    await hmi.subscribe([
      ['answers/1', 2],
      ['robotcell1/lamp/result', 2],
    ]);
    for (const [command, result] of [
      [`{"value":true,"id":"${qos}a"}`, `{"id":"${qos}a","ok":true}`],
      // Delivered again: the same result, and nothing is switched.
      [`{"value":false,"id":"${qos}a"}`, `{"id":"${qos}a","ok":true}`],
      ['off', '{"ok":true}'],
      ['{"value":true,"id":"7","when":1}', expect.stringContaining('"id":"7","ok":false,"reason')],
      ['open', expect.stringContaining('"ok":false,"reason":"expected on, off or JSON')],
    ] as const) {
      await hmi.publish(LAMP, command, { qos, properties: ASKING });
      const messages = [await hmi.message(), await hmi.message()];
      expect(messages.find(({ topic }) => topic === 'answers/1')).toMatchObject({
        ...{ payload: result, qos: 1, retain: false },
        properties: [['contentType', 'application/json'], ASKING[1]],
      });
      expect(messages.find(({ topic }) => topic !== 'answers/1')).toMatchObject({
        ...{ topic: 'robotcell1/lamp/result', payload: result, qos: 1, retain: false },
        properties: [['contentType', 'application/json']],
      });
    }
    await hmi.disconnect();
  });

  test('of mosquitto_rr is answered', async () => {
    const topics = ['-t', LAMP, '-e', 'answers/panel1'];
    const message = ['-m', '{"value":true,"id":"rr"}', '-D', 'publish', 'correlation-data', '7'];
    const args = ['-V', '5', '-p', `${port}`, ...topics, ...message, '-F', '%p %C %D'];
    const { stdout } = await promisify(execFile)('mosquitto_rr', args, { timeout: 20_000 });
    expect(stdout.trim()).toBe('{"id":"rr","ok":true} application/json 7');
  });

  test('without correlation data, or with an expiry that lasts, is answered too', async () => {
    const hmi = await connect({ clientId: 'bare' });
    await hmi.subscribe([['answers/1', 1]]);
    const [topic] = ASKING;
    await hmi.publish(LAMP, 'on', { qos: 1, properties: [['messageExpiry', 60], topic!] });
    expect(await hmi.message()).toMatchObject({
      payload: '{"ok":true}',
      properties: [['contentType', 'application/json']],
    });
  });

  test('that has expired is not carried out, and the answer says so', async () => {
    const hmi = await connect({ clientId: 'late' });
    await hmi.publish(LAMP, 'off', { qos: 1 });
    await hmi.subscribe([
      ['answers/1', 1],
      ['robotcell1/lamp', 1],
    ]);
    const late: p.Properties = [['messageExpiry', 0], ...ASKING];
    await hmi.publish(LAMP, 'on', { qos: 1, properties: late });
    for (;;) {
      const { topic, payload } = await hmi.message();
      if (topic !== 'answers/1') {
        expect(JSON.parse(payload!)).toMatchObject({ value: false });
        continue;
      }
      expect(payload).toBe('{"ok":false,"reason":"too late: the command has expired"}');
      break;
    }
  });

  test.each([
    ['the commands of another output', 'robotcell1/valve/set'],
    ['a reading of the gateway', 'robotcell1/json'],
    ['a topic of the broker', '$SYS/broker/version'],
    ['a topic that its sender may not subscribe to', 'secret/1'],
  ])('is not answered on %s', async (_name, topic) => {
    const hmi = await connect({ clientId: 'deputy' });
    await hmi.subscribe([
      ['robotcell1/lamp/result', 1],
      ['robotcell1/valve/#', 1 | p.RETAIN_NEVER],
    ]);
    const properties: p.Properties = [['responseTopic', topic]];
    await hmi.publish(LAMP, 'off', { qos: 1, properties });
    await hmi.publish(LAMP, 'on', {
      qos: 1,
      properties: [['responseTopic', 'robotcell1/valve/x']],
    });
    const topics = [1, 2, 3].map(async () => (await hmi.message()).topic);
    expect(await Promise.all(topics)).toEqual([
      'robotcell1/lamp/result',
      'robotcell1/lamp/result',
      'robotcell1/valve/x',
    ]);
  });

  test('from a plant is answered there, where an out route takes the response topic', async () => {
    const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`, {
      protocolVersion: 5,
    });
    const answers: IPublishPacket[] = [];
    office.on('message', (_topic, _payload, packet) => answers.push(packet));
    await office.subscribeAsync('answers/#', { qos: 1 });
    const ask = (id: string, responseTopic: string) =>
      office.publishAsync(`cmd/${LAMP}`, JSON.stringify({ value: true, id }), {
        qos: 1,
        properties: { responseTopic, correlationData: Buffer.from(id) },
      });
    // Until the uplink has its subscription.
    await waitFor(async () => {
      await ask('first', 'answers/plant/1');
      expect(answers.length).toBeGreaterThan(0);
    });
    await ask('elsewhere', 'answers/1');
    await ask('last', 'answers/plant/1');
    await waitFor(() => expect(`${answers.at(-1)!.payload}`).toBe('{"id":"last","ok":true}'));
    expect(answers.at(-1)!.properties).toMatchObject({
      contentType: 'application/json',
      correlationData: Buffer.from('last'),
    });
    const ids = answers.map(({ payload }) => JSON.parse(`${payload}`).id);
    expect(new Set(ids)).toEqual(new Set(['first', 'last']));
    await office.endAsync(true);
  });
});

describe('readings', () => {
  test('have a content type, which a client of MQTT 3.1.1 does not see', async () => {
    const client = await connect({ clientId: 'reader' });
    await client.subscribe([['robotcell1/json', 0]]);
    expect(await client.message()).toMatchObject({
      properties: [['contentType', 'application/json']],
    });
    await client.subscribe([['robotcell1/bare', 0]]);
    for (;;) {
      const { topic, payload, properties } = await client.message();
      if (topic !== 'robotcell1/bare') continue;
      expect([payload, properties]).toEqual([
        expect.stringMatching(/^(true|false)$/),
        [['contentType', 'text/plain']],
      ]);
      break;
    }
    const old = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    const first = new Promise<Buffer>((resolve) =>
      old.on('message', (_t, bytes) => resolve(bytes)),
    );
    await old.subscribeAsync('robotcell1/json');
    expect(JSON.parse(`${await first}`)).toMatchObject({ quality: 'good' });
    await old.endAsync(true);
  });

  test('with `expires` have what is left of it, and are no longer retained after that', async () => {
    await gateway.restart();
    const client = await connect({ clientId: 'reader' });
    await client.subscribe([['robotcell1/still/count', 1]]);
    const { properties } = await client.message();
    expect(properties).toEqual([
      ['messageExpiry', expect.any(Number)],
      ['contentType', 'application/json'],
    ]);
    const [left] = p.valuesIn({ properties } as p.Packet5, 'messageExpiry');
    expect(left).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 3);
    await waitFor(async () => {
      const other = await connect({ clientId: 'other' });
      await other.subscribe([['robotcell1/still/count', 1]]);
      await other.quiet();
      other.destroy();
    });
  });
});
