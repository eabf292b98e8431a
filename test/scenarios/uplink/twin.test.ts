import { createServer, type Socket } from 'node:net';
import mqtt from 'mqtt';
import { beforeEach, onTestFinished, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { startPlant } from '../../support/plant.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(tools.mosquitto));

async function gatewayTo(port: number, uplink: object): Promise<TestGateway> {
  const one = { name: 'plant', url: `mqtt://127.0.0.1:${port}`, reconnectMax: '1s' };
  const gateway = await startGateway({
    config: { uplinks: [{ ...one, routes: [{ out: 'up/#', to: 'p/' }], ...uplink }] },
  });
  onTestFinished(() => gateway.dispose());
  return gateway;
}

test.each([4, 5])(
  'two gateways with one cell name find each other, and the one that stays is online (level %i)',
  async (protocol) => {
    const plant = await startPlant();
    onTestFinished(() => plant.dispose());
    const states: string[] = [];
    const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
    onTestFinished(() => office.endAsync(true));
    office.on('message', (_topic, payload) => states.push(`${payload}`));
    await office.subscribeAsync('robotcell1/status');

    const one = await gatewayTo(plant.port, { protocol, clientId: 'one' });
    await statusWhen(one.port, ({ state, reason }) => state === 'connected' && reason === null);
    const other = await gatewayTo(plant.port, { protocol, clientId: 'other' });
    const isTwin = ({ reason }: { reason: string | null }): boolean =>
      /another gateway uses robotcell1\/status there too.*own cell name/.test(reason ?? '');
    await statusWhen(one.port, isTwin, 10_000);
    await statusWhen(other.port, isTwin, 10_000);
    await other.stop();
    await until('the other one has left', () => states.at(-1) === 'offline');
    await statusWhen(
      one.port,
      ({ state, reason }) => state === 'connected' && reason === null,
      20_000,
    );
    await until('this one is online', () => states.at(-1) === 'online');
  },
);

test('two gateways with one client id are supposed where the plant gives no reason', async () => {
  // A plant that ends the earlier of two connections, as the standard says, and only answers.
  let earlier: Socket | undefined;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length > 1 && rest.length >= 2 + rest[1]!) {
        const packet = rest.subarray(0, 2 + rest[1]!);
        rest = rest.subarray(2 + rest[1]!);
        answer(socket, packet);
      }
    });
  });
  const answer = (socket: Socket, packet: Buffer): void => {
    const type = packet[0]! >> 4;
    if (type === 1) {
      earlier?.end();
      earlier = socket;
      socket.write(Buffer.from([0x20, 2, 0, 0]));
    }
    if (type === 8) socket.write(Buffer.from([0x90, 3, packet[2]!, packet[3]!, 0]));
    if (type === 12) socket.write(Buffer.from([0xd0, 0]));
    if (type !== 3) return;
    const qos = (packet[0]! >> 1) & 3;
    const end = 4 + packet.readUInt16BE(2);
    if (qos === 1) socket.write(Buffer.from([0x40, 2, packet[end]!, packet[end + 1]!]));
    // The probe comes back.
    if (qos === 0) socket.write(packet);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const both = [
    await gatewayTo(port, { protocol: 4, keepalive: '5s' }),
    await gatewayTo(port, { protocol: 4, keepalive: '5s' }),
  ];
  const isSupposed = ({ reason }: { reason: string | null }): boolean =>
    /is another gateway connected with the client id robotcell1-plant\?/.test(reason ?? '');
  await statusWhen(both[0]!.port, isSupposed, 30_000);
  await statusWhen(both[1]!.port, isSupposed, 30_000);
}, 90_000);
