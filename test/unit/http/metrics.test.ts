import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';

let gateway: TestGateway;
let text: string;

const scrape = async (): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return response.text();
};
const read = (all: string, series: string): number =>
  Number(
    all
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );

beforeAll(async () => {
  gateway = await startGateway({
    http: {},
    sensors: [
      { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '100ms' },
      {
        ...{ name: 'boiler', driver: 'tmp102', bus: 'i2c-77', address: 0x48, every: '1s' },
        alarms: [
          { name: 'lost', bad: true, severity: 'high' },
          { name: 'hot', above: 70 },
        ],
      },
    ],
    config: {
      outputs: [{ name: 'lamp', driver: 'digital-output', line: 'NO_SUCH_LINE' }],
      uplinks: [{ name: 'plant', url: 'mqtt://127.0.0.1:9', routes: [{ out: 't/#', to: 'p/' }] }],
    },
  });
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  const away = { clientId: 'away', clean: false };
  const reader = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, away);
  await reader.subscribeAsync('t/#', { qos: 1 });
  const arrived = new Promise((resolve) => reader.once('message', resolve));
  for (const part of ['a', 'b', 'c']) await client.publishAsync(`t/${part}`, part, { qos: 1 });
  await arrived;
  await reader.endAsync();
  await client.publishAsync('t/d', 'd', { qos: 1 });
  const url = `mqtt://127.0.0.1:${gateway.port}`;
  const fresh = await mqtt.connectAsync(url, { protocolVersion: 5 });
  text = await scrape();
  await client.endAsync();
  await fresh.endAsync();
});
afterAll(() => gateway.dispose());

test('names, types and helps are those in test/golden/metrics.txt', () => {
  const golden = join(REPOSITORY, 'test/golden/metrics.txt');
  const told = `${text
    .split('\n')
    .filter((line) => line.startsWith('# '))
    .join('\n')}\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, told);
  expect(existsSync(golden), `${golden} is missing: run with UPDATE_GOLDEN=1`).toBe(true);
  expect(told).toBe(readFileSync(golden, 'utf8'));
});

test('values are what happened', async () => {
  expect(read(text, 'cellgate_sensor_up{sensor="gripper",driver="simulated"}')).toBe(1);
  expect(read(text, 'cellgate_sensor_up{sensor="boiler",driver="tmp102"}')).toBe(0);
  expect(text).not.toMatch(/^cellgate_reading_value\{topic="robotcell1\/boiler"/m);
  expect(read(text, 'cellgate_reading_good{topic="robotcell1/boiler"}')).toBe(0);
  const [lost, hot] = [
    'sensor="boiler",alarm="lost",severity="high"',
    'sensor="boiler",alarm="hot",severity="medium"',
  ];
  expect(read(text, `cellgate_alarm_active{${lost}}`)).toBe(1);
  expect(read(text, `cellgate_alarm_unacknowledged{${lost}}`)).toBe(1);
  expect(read(text, `cellgate_alarm_active{${hot}}`)).toBe(0);
  expect(read(text, `cellgate_alarm_unacknowledged{${hot}}`)).toBe(0);
  expect(read(text, `cellgate_alarm_shelved{${hot}}`)).toBe(0);
  expect(text).not.toMatch(/^cellgate_output_on\{/m);
  expect(read(text, 'cellgate_uplink_queued_messages{uplink="plant"}')).toBe(4);
  expect(read(text, 'cellgate_uplink_connected{uplink="plant"}')).toBe(0);
  expect(read(text, 'cellgate_broker_clients{version="3.1.1"}')).toBe(1);
  expect(read(text, 'cellgate_broker_clients{version="5"}')).toBe(1);
  expect(read(text, 'cellgate_broker_queued_messages')).toBe(1);
  expect(read(text, 'cellgate_broker_sessions_away')).toBe(1);
  expect(read(text, 'cellgate_troubles')).toBeGreaterThanOrEqual(2);
  expect(read(text, 'cellgate_store_writable')).toBe(1);
  expect(read(text, 'process_resident_memory_bytes')).toBeGreaterThan(10e6);
  for (const name of ['store_commit', 'broker_acknowledgement', 'broker_delivery']) {
    const series = `cellgate_${name}_duration_seconds`;
    const count = read(text, `${series}_count`);
    expect(count, name).toBeGreaterThan(0);
    expect(read(text, `${series}_bucket{le="+Inf"}`)).toBe(count);
    expect(read(text, `${series}_sum`)).toBeGreaterThan(0);
  }
  const later = await scrape();
  const packets = 'cellgate_broker_sent_bytes_total';
  expect(read(later, packets)).toBeGreaterThanOrEqual(read(text, packets));
});

test('every name is as Prometheus wants it', () => {
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    expect(name).toMatch(/^(cellgate|process)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|millis|minutes|kib|percent)(_|$)/);
  }
});

const files = ['grafana-dashboard.json', 'prometheus-alerts.yaml'];

test.each(files)('every metric that config/%s names exists', (file) => {
  const content = readFileSync(join(REPOSITORY, 'config', file), 'utf8');
  expect(() => parse(content)).not.toThrow();
  const named = new Set(content.match(/\b(?:cellgate|process)_[a-z_]+[a-z]\b/g));
  const series = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    series.add(name);
    if (type === 'histogram')
      for (const end of ['bucket', 'sum', 'count']) series.add(`${name}_${end}`);
  }
  expect(named.size).toBeGreaterThan(8);
  expect([...named].filter((name) => !series.has(name))).toEqual([]);
});

const promtool = (process.env.PATH ?? '')
  .split(':')
  .map((folder) => join(folder, 'promtool'))
  .find((file) => existsSync(file));
if (!promtool)
  console.warn('promtool is not installed (Debian: prometheus): its checks are SKIPPED');

test.skipIf(!promtool)('promtool finds nothing wrong', async () => {
  const checked = await run(promtool!, ['check', 'metrics'], { input: text });
  expect(checked).toMatchObject({ code: 0, stderr: '' });
  const rules = await run(promtool!, [
    'check',
    'rules',
    `${REPOSITORY}/config/prometheus-alerts.yaml`,
  ]);
  expect(rules.code, rules.stderr).toBe(0);
});
