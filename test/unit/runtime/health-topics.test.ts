import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Health } from '../../../src/runtime/health.ts';
import { HealthTopics, type HealthTopicsParts } from '../../../src/runtime/health-topics.ts';
import { createFaults } from '../../support/faults.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A gateway of two uplinks; what is published is noted as topic and payload. */
async function setUp() {
  const published: string[] = [];
  const state = {
    troubles: [] as string[],
    uplinks: ['plant', 'spare'],
    clients: 0,
    alarms: [] as unknown[],
    sensors: [] as unknown[],
  };
  const topics = new HealthTopics({
    faults: createFaults(),
    cell: 'cell',
    version: '1',
    health: {
      get troubles() {
        return state.troubles;
      },
      started: 5,
    } as unknown as Health,
    store: { status: async () => ({ commits: 1 }) } as unknown as HealthTopicsParts['store'],
    broker: {
      get sessions() {
        return Array(state.clients).fill('c');
      },
      ...{ shares: [], drops: { reasons: {} } },
      publishLocal: async ({ topic, payload }: { topic: string; payload: Uint8Array }) =>
        void published.push(`${topic.replace('$SYS/cellgate/', '')} ${Buffer.from(payload)}`),
    } as unknown as HealthTopicsParts['broker'],
    sensors: {
      status: () => state.sensors as ReturnType<HealthTopicsParts['sensors']['status']>,
    },
    outputs: { status: () => [] },
    alarms: { list: () => state.alarms as ReturnType<HealthTopicsParts['alarms']['list']> },
    uplinks: () =>
      state.uplinks.map((name) => ({ name, status: { name } })) as unknown as ReturnType<
        HealthTopicsParts['uplinks']
      >,
  });
  await topics.start();
  onTestFinished(() => topics.stop());
  const news = (): string[] => published.splice(0);
  const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1000);
  return { state, news, seconds };
}

test('everything is published at the start, and then what has changed', async () => {
  const { state, news, seconds } = await setUp();
  expect(news()).toEqual([
    'troubles []',
    'uplink/plant {"name":"plant"}',
    'uplink/spare {"name":"spare"}',
    'clients []',
    'shares []',
    'outputs []',
    'alarms []',
    'gateway {"cell":"cell","version":"1","started":5,"uplinks":["plant","spare"]}',
    'sensors []',
    'store {"commits":1}',
    'drops {"reasons":{}}',
  ]);
  state.clients = 1;
  await seconds(1);
  expect(news()).toEqual(['clients ["c"]']);
  state.alarms = [{ name: 'hot' }];
  await seconds(1);
  expect(news()).toEqual(['alarms [{"name":"hot"}]']);
});

test('an uplink that a reload has removed is no longer retained', async () => {
  const { state, news, seconds } = await setUp();
  news();
  state.uplinks = ['plant'];
  await seconds(1);
  expect(news()).toEqual(['uplink/spare ']);
  await seconds(10);
  expect(news()).toEqual(['gateway {"cell":"cell","version":"1","started":5,"uplinks":["plant"]}']);
});

test('counts come every ten seconds, but at once with a new trouble', async () => {
  const { state, news, seconds } = await setUp();
  news();
  state.uplinks = ['plant', 'spare', 'third'];
  await seconds(1);
  expect(news()).toEqual(['uplink/third {"name":"third"}']);
  state.troubles = ['the disk is full'];
  await seconds(1);
  expect(news().map((one) => one.split(' ')[0])).toEqual(['troubles', 'gateway']);
});

test('a channel that changes its quality is published within a second; another value is not', async () => {
  const { state, news, seconds } = await setUp();
  const sensor = (value: number, quality: string) => [
    { channels: [{ topic: 't', value, quality }] },
  ];
  state.sensors = sensor(1, 'good');
  await seconds(1);
  news();
  state.sensors = sensor(2, 'good');
  await seconds(1);
  expect(news()).toEqual([]);
  state.sensors = sensor(2, 'bad');
  await seconds(1);
  expect(news()).toEqual(['sensors [{"channels":[{"topic":"t","value":2,"quality":"bad"}]}]']);
});
