import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import {
  type PlantFront,
  type PlantFrontOptions,
  startPlantFront,
} from '../../support/plant-front.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Setup {
  readonly plant: TestPlant;
  readonly front: PlantFront;
  readonly gateway: TestGateway;
}

/** `first` runs before the gateway starts. */
async function start(
  front: Partial<PlantFrontOptions>,
  uplink: object,
  first?: (plant: TestPlant) => Promise<unknown>,
): Promise<Setup> {
  const plant = await startPlant();
  ends.push(() => plant.dispose());
  await first?.(plant);
  const before = await startPlantFront({ target: plant.port, ...front });
  ends.push(() => before.close());
  const url = `mqtt://127.0.0.1:${before.port}`;
  const one = { name: 'plant', url, reconnectMax: '1s', probe: '1s', ...uplink };
  const gateway = await startGateway({ config: { uplinks: [one] } });
  ends.push(() => gateway.dispose());
  return { plant, front: before, gateway };
}

async function clientOf(port: number): Promise<MqttClient> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  ends.push(() => client.endAsync(true));
  return client;
}

/** CONNACK with return code 1 of MQTT 3.1.1, as a broker of MQTT 3.1.1 answers. */
const RETURN_CODE_1 = Buffer.from('20020001', 'hex');
/** CONNACK with reason code 0x84 of MQTT 5. */
const REASON_0X84 = Buffer.from('2003008400', 'hex');
const CLOSE = Buffer.alloc(0);

describe('a plant that speaks only MQTT 3.1.1 and answers MQTT 5 by', () => {
  test.each([
    ['return code 1', RETURN_CODE_1],
    ['reason code 0x84', REASON_0X84],
    ['closing the connection', CLOSE],
  ])('%s is used with MQTT 3.1.1, and log and status say so', async (_name, refusal) => {
    const answer = (level: number) => (level === 5 ? refusal : undefined);
    const { plant, front, gateway } = await start({ answer }, { routes: [{ out: 'a/#' }] });
    const status = await statusWhen(gateway.port, ({ state }) => state === 'connected');
    expect(status).toMatchObject({
      protocol: 'MQTT 3.1.1 (the plant does not take MQTT 5)',
      reason: null,
      reconnects: 0,
    });
    const collector = await collect(plant.port, 'a/#');
    ends.push(() => collector.close());
    const machine = await clientOf(gateway.port);
    await machine.publishAsync('a/b', 'through', { qos: 1 });
    await collector.until((all) => all.length === 1);
    expect(front.levels).toEqual([5, 4]);
    await until('it is in the log', () => gateway.stdout().includes('messages flow'));
    expect(gateway.stdout()).toContain('by MQTT 3.1.1, as it does not take MQTT 5');
    expect(gateway.stdout()).not.toContain('"level":"warn"');
  });

  test('a refusal is not asked anything else when the config says `protocol: 5`', async () => {
    const answer = (level: number) => (level === 5 ? RETURN_CODE_1 : undefined);
    const { front, gateway } = await start({ answer }, { protocol: 5, routes: [{ out: 'a/#' }] });
    await statusWhen(gateway.port, ({ reconnects }) => Number(reconnects) >= 2);
    const { reason } = await statusWhen(gateway.port, ({ state }) => state === 'down');
    expect(reason).toContain('does not speak this version of MQTT');
    expect(new Set(front.levels)).toEqual(new Set([5]));
  });
});

/** The retained payload of a topic; undefined if there is none. */
async function retainedAt(port: number, topic: string): Promise<string | undefined> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  let found: string | undefined;
  client.on('message', (_topic, payload, { retain }) => {
    if (retain) found = payload.toString();
  });
  await client.subscribeAsync(topic, { qos: 1 });
  // What is retained comes before the answer to a later packet.
  await client.subscribeAsync('other');
  await client.endAsync();
  return found;
}

describe('retained messages of a 3.1.1 plant with `retain: keep`', () => {
  const BRIDGE = 0x84;
  test.each([
    ['that knows bridges', {}, [BRIDGE], '20'],
    [
      'that refuses bridges',
      { answer: (level: number) => (level === BRIDGE ? RETURN_CODE_1 : undefined) },
      [BRIDGE, 4],
      '30',
    ],
    ['that takes a bridge for any client', { hidesBridge: true }, [BRIDGE], '30'],
  ])('%s follow the plant', async (_name, front, levels, afterLive) => {
    const uplink = { protocol: 4, routes: [{ in: 'set/#', retain: 'keep' }] };
    const publishTen = async ({ port }: TestPlant) =>
      (await clientOf(port)).publishAsync('set/a', '10', { qos: 1, retain: true });
    const { plant, gateway, front: before } = await start(front, uplink, publishTen);
    const office = await clientOf(plant.port);
    await statusWhen(gateway.port, ({ state }) => state === 'connected');
    expect(before.levels).toEqual(levels);
    const here = async (value: string | undefined): Promise<void> => {
      await until(`${value} is retained here`, async () => {
        return (await retainedAt(gateway.port, 'set/a')) === value;
      });
    };
    const lan = await collect(gateway.port, 'set/#');
    ends.push(() => lan.close());
    await here('10');
    await office.publishAsync('set/a', '20', { qos: 1, retain: true });
    await here('20');
    await office.publishAsync('set/a', '30', { qos: 1, retain: false });
    await lan.until((all) => all.some(({ payload }) => payload === '30'));
    await here(afterLive);
    await office.publishAsync('set/a', '', { qos: 1, retain: true });
    await here(undefined);
    // A live message without a retained one before it is not retained.
    await office.publishAsync('set/a', '40', { qos: 1, retain: false });
    await lan.until((all) => all.some(({ payload }) => payload === '40'));
    await here(undefined);
    // The probe leaves nothing behind at the plant.
    await until('the probe is away', async () => {
      return (await retainedAt(plant.port, 'robotcell1/status/probe')) === undefined;
    });
  });
});
