import { writeFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { startGateway } from '../../support/gateway.ts';
import { HomeAssistantModel } from '../../support/home-assistant.ts';
import { freePort } from '../../support/server-process.ts';
import { waitFor } from '../../support/wait-for.ts';

const TOPIC = 'homeassistant/device/cellgate_robotcell1/config';

test('a Home Assistant sees the cell, and what a reload and a restart without the key remove', async () => {
  const port = await freePort();
  const config = (sensors: readonly string[], others: object = { homeAssistant: {} }) => ({
    cell: 'robotcell1',
    broker: { listeners: [{ host: '127.0.0.1', port }] },
    gpio: { backend: 'simulated' },
    sensors: sensors.map((name) => ({ name, driver: 'simulated', signal: 'gripper' })),
    outputs: [{ name: 'lamp', driver: 'digital-output', line: 'DO0' }],
    ...others,
  });
  const gateway = await startGateway({ config: config(['a', 'b']), ports: [port] });
  onTestFinished(() => gateway.dispose());
  const put = (next: object): void =>
    writeFileSync(gateway.configFile, stringify({ ...next, data: gateway.dataDir }));
  put(config(['a', 'b']));

  const model = new HomeAssistantModel();
  let messages = 0;
  const states = new Map<string, string>();
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50 });
  onTestFinished(() => void client.end(true));
  client.on('message', (topic, payload) => {
    if (!topic.startsWith('homeassistant/device/')) states.set(topic, payload.toString());
    else {
      messages++;
      model.receive(topic, payload.toString());
    }
  });
  const channels = (name: string): string[] => [
    `sensor robotcell1/${name}/force`,
    `sensor robotcell1/${name}/position`,
  ];
  const lamp = 'switch robotcell1/lamp';
  const sees = (...entities: string[]) => waitFor(() => expect(model.entities).toEqual(entities));

  await client.subscribeAsync(['homeassistant/#', 'robotcell1/#'], { qos: 1 });
  await sees(...channels('a'), ...channels('b'), lamp);

  // What the description names is there: the state, the command and the availability.
  await client.publishAsync('robotcell1/lamp/set', 'on', { qos: 1 });
  await waitFor(() => expect(states.get('robotcell1/lamp')).toContain('"value":true'));
  expect(states.get('robotcell1/status')).toBe('online');

  const before = messages;
  await client.publishAsync('homeassistant/status', 'online', { qos: 1 });
  await waitFor(() => expect(messages).toBe(before + 1));

  // Clients may connect before that; a signal may not come before.
  await waitFor(() => expect(gateway.stdout()).toContain('gateway of robotcell1 is up'));
  put(config(['a', 'c']));
  process.kill(gateway.pid, 'SIGHUP');
  await sees(...channels('a'), ...channels('c'), lamp);
  expect(model.problems).toEqual([]);

  put(config(['c'], {}));
  await gateway.restart();
  const late = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  onTestFinished(() => void late.end(true));
  const retained: string[] = [];
  late.on('message', (topic) => retained.push(topic));
  await late.subscribeAsync(['homeassistant/device/#', 'end'], { qos: 1 });
  // A message of its own comes after all that is retained.
  await late.publishAsync('end', 'end', { qos: 1 });
  await waitFor(() => expect(retained).toContain('end'));
  expect(retained).not.toContain(TOPIC);
});
