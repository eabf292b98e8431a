import { existsSync } from 'node:fs';
import mqtt from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { until } from '../../support/until.ts';

const hasMosquitto = existsSync('/usr/sbin/mosquitto');
if (!hasMosquitto) console.warn('mosquitto is MISSING: its $SYS topics are not compared');

/** What an exporter finds below `$SYS/broker`, once the last of its topics is there. */
async function topicsOf(port: number): Promise<Map<string, string>> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
  onTestFinished(() => client.endAsync(true));
  const found = new Map<string, string>();
  client.on('message', (topic, payload) => found.set(topic, String(payload)));
  await client.subscribeAsync('$SYS/broker/#');
  await until('the loads are told', () => found.has('$SYS/broker/load/sockets/15min'));
  return found;
}

test.skipIf(!hasMosquitto)(
  'whatever Mosquitto tells an exporter, the gateway tells it too, in the same form',
  async () => {
    const plant = await startPlant(['sys_interval 1']);
    onTestFinished(() => plant.dispose());
    const gateway = await startGateway();
    onTestFinished(() => gateway.dispose());
    const [theirs, ours] = [await topicsOf(plant.port), await topicsOf(gateway.port)];
    expect(theirs.size).toBeGreaterThan(40);
    expect([...theirs.keys()].filter((topic) => !ours.has(topic))).toEqual([]);
    const form = (value = ''): string => value.replaceAll(/\d+/g, '0');
    for (const [topic, value] of theirs) {
      // Mosquitto may count one client less than none for a moment; the gateway may not.
      const expected = form(value.replace(/^-/, ''));
      if (!topic.endsWith('/version')) expect(form(ours.get(topic)), topic).toBe(expected);
    }
  },
);
