import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

/** A plant of several brokers that share their sessions. */
export interface TestCluster {
  /** Their ports for MQTT. */
  readonly ports: readonly number[];
  readonly nodes: readonly ServerProcess[];
  dispose(): Promise<void>;
}

/** Three servers of NATS with JetStream: each message is on all three. */
export async function startNats(): Promise<TestCluster> {
  const ports: number[] = [];
  const routes: number[] = [];
  for (let n = 0; n < 3; n++) {
    ports.push(await freePort());
    routes.push(await freePort());
  }
  const peers = routes.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const nodes = await Promise.all(
    ports.map(async (port, n) => {
      const folder = await mkdtemp(join(tmpdir(), 'cellgate-nats-'));
      const configFile = join(folder, 'nats.conf');
      const lines = [
        `server_name: n${n}`,
        `listen: 127.0.0.1:${await freePort()}`,
        `jetstream { store_dir: ${folder}/js }`,
        `mqtt { host: 127.0.0.1, port: ${port}, stream_replicas: 3 }`,
        `cluster { name: plant, listen: 127.0.0.1:${routes[n]}, routes: [${peers}] }`,
      ];
      await writeFile(configFile, `${lines.join('\n')}\n`);
      return startServer({
        ...{ command: '/usr/sbin/nats-server', args: ['-c', configFile] },
        ...{ cwd: folder, folder, ports: [port] },
      });
    }),
  );
  return { ports, nodes, dispose: () => disposeAll(nodes) };
}

async function disposeAll(nodes: readonly ServerProcess[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.dispose()));
}
