import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';

/** Several starts of the gateway and of commands, on a machine that may be busy. */
const BUSY_MS = 240_000;

const TOPIC = 'robotcell1/alarm/joint/warm';
const SENSORS = [
  {
    name: 'joint',
    driver: 'simulated',
    signal: 'joint-temperature',
    every: '100ms',
    alarms: [{ name: 'warm', channel: 'j1', above: -100, severity: 'high', text: 'Joint is warm' }],
  },
];

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway({ sensors: SENSORS });
});
afterAll(() => gateway?.dispose(), BUSY_MS);

/** Resolves with the first message of the alarm for which `fits` is true. */
async function alarmThat(fits: (alarm: Record<string, unknown>) => boolean) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  try {
    return await new Promise<Record<string, unknown>>((resolve) => {
      client.on('message', (_topic, payload) => {
        const alarm = JSON.parse(payload.toString()) as Record<string, unknown>;
        if (fits(alarm)) resolve(alarm);
      });
      client.subscribe(TOPIC, { qos: 1 });
    });
  } finally {
    await client.endAsync(true);
  }
}

async function cli(...args: string[]): Promise<string> {
  const file = join(REPOSITORY, 'dist/program/cli.js');
  const env = { ...process.env, USER: 'anna', SUDO_USER: undefined };
  const all = [file, ...args, '--config', gateway.configFile];
  return (await promisify(execFile)(process.execPath, all, { env })).stdout;
}

test(
  'kill -9 loses no state of an alarm that was published, nor an acknowledgement',
  async () => {
    const before = await alarmThat(({ state }) => state === 'active');
    await gateway.kill();
    await gateway.restart();
    const after = await alarmThat(({ state, quality }) => state === 'active' && !quality);
    expect(after).toMatchObject({
      acknowledged: false,
      since: before.since,
      text: 'Joint is warm',
    });

    expect(await cli('alarm', 'list')).toContain(
      'joint/warm (high): Joint is warm: active, unacknowledged',
    );
    expect(await cli('alarm', 'ack', 'joint/warm')).toBe('alarm joint/warm: acknowledged\n');
    await gateway.kill();
    await gateway.restart();
    const acknowledged = await alarmThat(({ quality }) => !quality);
    expect(acknowledged).toMatchObject({
      state: 'active',
      acknowledged: true,
      acknowledgedBy: 'anna',
      since: before.since,
    });
    expect(await cli('alarm', 'shelve', 'joint/warm', '--for', '30m')).toBe(
      'alarm joint/warm: shelved\n',
    );
    expect(await cli('alarm', 'list')).toContain('shelved until');
    await expect(cli('alarm', 'ack', 'joint/cold')).rejects.toThrow(
      'there is no alarm "joint/cold"',
    );
  },
  BUSY_MS,
);

test(
  'cellgate set is refused for what does not count',
  async () => {
    await expect(cli('set', 'joint/j1', '5')).rejects.toThrow('it does not count');
    await expect(cli('set', 'meter/total', '5')).rejects.toThrow('there is no output and no value');
    await expect(cli('set', 'joint/j1', 'five')).rejects.toThrow('"five" is no number');
  },
  BUSY_MS,
);
