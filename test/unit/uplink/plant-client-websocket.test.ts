import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { completeUplink, uplinkSchema } from '../../../src/config/schema/uplinks.ts';
import { PlantClient } from '../../../src/uplink/plant-client.ts';
import { MQTT_311 } from '../../../src/uplink/protocol-choice.ts';
import { until } from '../../support/until.ts';

test('over a WebSocket the bytes of one large message move before all of it has arrived', async () => {
  const plant = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(plant, 'listening');
  const url = `ws://127.0.0.1:${(plant.address() as AddressInfo).port}`;
  const config = completeUplink(
    uplinkSchema.parse({ name: 'plant', url, routes: [{ out: '#', to: 'p/' }] }),
    'cell',
  );
  let isUp = false;
  const ignored = () => undefined;
  const client = new PlantClient(
    config,
    url,
    {
      up: () => {
        isUp = true;
      },
      ...{ acknowledged: ignored, answered: ignored, received: ignored, completed: ignored },
      ...{ congested: ignored, drained: ignored, silent: ignored, failed: ignored, down: ignored },
      message: async () => undefined,
    },
    MQTT_311,
    { qos: 1, retain: true },
  );
  const [webSocket, request] = (await once(plant, 'connection')) as [WebSocket, IncomingMessage];
  onTestFinished(() => {
    client.giveUp('the test ends');
    webSocket.terminate();
    plant.close();
  });
  await once(webSocket, 'message');
  webSocket.send(Buffer.from([0x20, 2, 0, 0]));
  await until('it is up', () => isUp, 30_000);
  expect(client.received).toBeGreaterThan(4);

  request.socket.pause();
  const bytes = 32 * 1024 * 1024;
  client.write(Buffer.alloc(bytes));
  await until('a part of it has moved', async () => {
    const { delivered, waiting } = await client.progress();
    return delivered > 64 * 1024 && waiting > 1024 * 1024;
  });
  const { delivered, waiting } = await client.progress();
  expect(delivered + waiting).toBeGreaterThan(bytes);
  request.socket.resume();
  await until(
    'all of it is confirmed',
    async () => (await client.progress()).waiting === 0,
    30_000,
  );
});
