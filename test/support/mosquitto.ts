import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GatewayOptions, TestGateway } from './gateway.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

/** A private Mosquitto. */
export interface Mosquitto extends ServerProcess {
  readonly folder: string;
  /** For what it keeps. */
  readonly dataDir: string;
  readonly configFile: string;
}

/** Starts a Mosquitto that listens on these ports, with the lines of its configuration. */
export async function runMosquitto(
  ports: readonly number[],
  lines: (dataDir: string) => readonly string[],
): Promise<Mosquitto> {
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-mosquitto-'));
  const dataDir = join(folder, 'data');
  const configFile = join(folder, 'mosquitto.conf');
  await mkdir(dataDir);
  await writeFile(configFile, `${['user root', ...lines(dataDir)].join('\n')}\n`);
  const server = await startServer({
    command: '/usr/sbin/mosquitto',
    args: ['-c', configFile],
    cwd: folder,
    ports,
    folder,
  });
  return Object.assign(server, { folder, dataDir, configFile });
}

/** Starts one that looks like the gateway to a test; of the limits it knows `packet`, in KiB. */
export async function startMosquitto(options: GatewayOptions = {}): Promise<TestGateway> {
  const [port, wsPort] = [await freePort(), await freePort()];
  const server = await runMosquitto([port, wsPort], (dataDir) => [
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
  ]);
  return Object.assign(server, { port, wsPort, httpPort: 0 });
}
