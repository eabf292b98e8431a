import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { completeUplink, uplinkSchema } from '../../../src/config/schema/uplinks.ts';
import { PlantClient, type PlantClientEvents } from '../../../src/uplink/plant-client.ts';
import { MQTT_5, MQTT_311, type PlantProtocol } from '../../../src/uplink/protocol-choice.ts';

/** A client that is connected to a plant which answers SUBSCRIBE with these reason codes. */
async function connectedTo(protocol: PlantProtocol, codes: readonly number[]) {
  const five = protocol.version === 5;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const type = bytes[0]! >> 4;
      if (type === 1) socket.write(Buffer.from(five ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]));
      if (type !== 8) return;
      const head = [bytes[2]!, bytes[3]!, ...(five ? [0] : [])];
      socket.write(Buffer.from([0x90, head.length + codes.length, ...head, ...codes]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const config = completeUplink(
    uplinkSchema.parse({ name: 'plant', url: `mqtt://127.0.0.1:${port}`, routes: [{ out: '#' }] }),
    'cell',
  );
  let isDown = (_sentence: string | undefined): void => undefined;
  const down = new Promise<string | undefined>((resolve) => {
    isDown = resolve;
  });
  const client = await new Promise<PlantClient>((resolve) => {
    const events: PlantClientEvents = {
      up: () => resolve(opened),
      down: ({ sentence }) => isDown(sentence),
      message: async () => undefined,
      congested: () => undefined,
      acknowledged: () => undefined,
      received: () => undefined,
      completed: () => undefined,
      drained: () => undefined,
      silent: () => undefined,
      failed: (error) => isDown(`failed: ${error}`),
    };
    const opened: PlantClient = new PlantClient(config, config.urls[0]!, events, protocol, {
      qos: 1,
      retain: true,
    });
  });
  onTestFinished(() => client.giveUp('the end of the test'));
  const subscribe = (...filters: string[]) =>
    client.subscribe(
      filters.map((filter) => ({ filter, qos: 1, noLocal: false, keepRetain: false })),
    );
  return { subscribe, down };
}

test.each([MQTT_311, MQTT_5])('%j: the refused filters of a SUBACK', async (protocol) => {
  const { subscribe } = await connectedTo(protocol, [1, 0x80, 0]);
  expect(await subscribe('a', 'b', 'c')).toEqual(['b']);
});

test.each([
  [MQTT_311, []],
  [MQTT_311, [0]],
  [MQTT_311, [0x80]],
  [MQTT_311, [0, 0, 0]],
  [MQTT_5, [0]],
  [MQTT_5, [0x80, 0, 0]],
])(
  '%j: a SUBACK with the codes %j for two filters ends the connection with that reason, not the process',
  async (protocol, codes) => {
    const { subscribe, down } = await connectedTo(protocol, codes);
    const counts = `${codes.length} codes for 2 filters`;
    await expect(subscribe('a', 'b')).rejects.toThrow('a wrong SUBACK');
    expect(await down).toBe(`breaks the protocol: its SUBACK has ${counts}`);
  },
);
