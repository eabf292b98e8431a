import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decodePayload, encodePayload } from '../../../src/uplink/sparkplug/payload.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquittoPub, tools.mosquittoSub));

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway?.dispose();
});

const NODE = 'spBv1.0/Plant1/NBIRTH/press';
const DEVICE = 'spBv1.0/Plant1/DBIRTH/press/ram';
const DEATH = 'spBv1.0/Plant1/NDEATH/press';

const server = () => ['-h', '127.0.0.1', '-p', `${gateway.port}`];
/** All of its bytes are characters. */
const birth = (seq: number) => encodePayload({ timestamp: 1, seq, metrics: [] });

async function publish(topic: string, qos: number, payload: Buffer): Promise<void> {
  const words = [...server(), '-t', topic, '-q', `${qos}`, '-s'];
  const { code, stderr } = await run('mosquitto_pub', words, { input: payload.toString() });
  expect([code, stderr]).toEqual([0, '']);
}

test('a host that comes after a stop and a kill -9 of the gateway gets the births of nodes and devices', async () => {
  await publish(NODE, 0, birth(2));
  await gateway.stop();
  await gateway.restart();
  await publish(DEVICE, 1, birth(1));
  await gateway.kill();
  await gateway.restart();

  const topics = ['-t', '$sparkplug/certificates/#'];
  const words = [...server(), ...topics, '-C', '2', '-F', '%r %t %x'];
  const { stdout } = await run('mosquitto_sub', words);
  expect(stdout.trim().split('\n').toSorted()).toEqual([
    `1 $sparkplug/certificates/${DEVICE} ${birth(1).toString('hex')}`,
    `1 $sparkplug/certificates/${NODE} ${birth(2).toString('hex')}`,
  ]);
});

test('the will of a node that is killed has the time of its death', async () => {
  const metrics = [{ name: 'bdSeq', type: 'Int64', value: 7 }] as const;
  const will = encodePayload({ timestamp: 1, metrics }).toString('latin1');
  const watching = ['-t', DEATH, '-C', '1', '-F', '%x'];
  const node = spawn('stdbuf', [
    ...['-oL', 'mosquitto_sub', ...server(), '-d', '-t', 'spBv1.0/Plant1/NCMD/press'],
    ...['--will-topic', DEATH, '--will-qos', '1', '--will-payload', will],
  ]);
  await once(node.stdout, 'data');
  const before = Date.now();
  const { stdout } = await run('stdbuf', ['-oL', 'mosquitto_sub', ...server(), '-d', ...watching], {
    onOutput: (output) => {
      if (output.includes('Subscribed (mid')) node.kill('SIGKILL');
    },
  });
  const hex = stdout.split('\n').find((line) => /^[0-9a-f]+$/.test(line)) ?? '';
  const { timestamp, metrics: got } = decodePayload(Buffer.from(hex, 'hex'));
  expect(timestamp).toBeGreaterThanOrEqual(before);
  expect(timestamp).toBeLessThanOrEqual(Date.now());
  expect(got).toMatchObject([{ name: 'bdSeq', value: 7n }]);
});
