import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayOptions, TestGateway } from './gateway.ts';
import { freePort, startServer } from './server-process.ts';

/** Starts a private Mosquitto that looks like the gateway to a test; of the limits it knows `packet`, in KiB. */
export async function startMosquitto(options: GatewayOptions = {}): Promise<TestGateway> {
  const [port, wsPort] = [await freePort(), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-mosquitto-'));
  const dataDir = join(folder, 'data');
  const configFile = join(folder, 'mosquitto.conf');
  await mkdir(dataDir);
  const lines = [
    'user root',
    'allow_anonymous true',
    'sys_interval 1',
    'max_queued_messages 100000',
    'persistence true',
    `persistence_location ${dataDir}/`,
    ...(options.limits?.packet
      ? [`max_packet_size ${Number.parseInt(`${options.limits.packet}`, 10) * 1024}`]
      : []),
    `listener ${port} 127.0.0.1`,
    `listener ${wsPort} 127.0.0.1`,
    'protocol websockets',
  ];
  await writeFile(configFile, `${lines.join('\n')}\n`);
  const server = await startServer({
    command: '/usr/sbin/mosquitto',
    args: ['-c', configFile],
    cwd: folder,
    ports: [port, wsPort],
    folder,
  });
  return Object.assign(server, { port, wsPort, httpPort: 0, dataDir, configFile });
}
