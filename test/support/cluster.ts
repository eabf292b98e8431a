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
        // What was on its way to a consumer is repeated after a short time.
        `mqtt { host: 127.0.0.1, port: ${port}, stream_replicas: 3, ack_wait: "5s", max_ack_pending: 1000 }`,
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

const RABBIT = '/usr/lib/rabbitmq/bin/rabbitmq-server';
/** What an Erlang node needs to run beside others on a small machine. */
const ERLANG_ARGS = '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none';

/** Three nodes of RabbitMQ with the plugin for MQTT; sessions are quorum queues. */
export async function startRabbit(): Promise<TestCluster> {
  const home = await mkdtemp(join(tmpdir(), 'cellgate-rabbit-'));
  await writeFile(join(home, '.erlang.cookie'), 'CELLGATE', { mode: 0o400 });
  // A daemon of this test: the one that Erlang starts by itself stays.
  const epmdPort = await freePort();
  const names = await startServer({
    ...{ command: '/usr/bin/epmd', args: ['-port', `${epmdPort}`, '-address', '127.0.0.1'] },
    ...{ cwd: home, folder: home, ports: [epmdPort] },
  });
  const ports = [await freePort(), await freePort(), await freePort()];
  const peers = ports.map((port) => `n${port}@localhost`);
  const start = async (port: number, n: number): Promise<ServerProcess> => {
    const folder = await mkdtemp(join(home, 'node-'));
    const [configFile, plugins] = [join(folder, 'rabbitmq.conf'), join(folder, 'plugins')];
    const [amqpPort, distributionPort] = [await freePort(), await freePort()];
    const lines = [
      `listeners.tcp.default = 127.0.0.1:${amqpPort}`,
      `mqtt.listeners.tcp.default = 127.0.0.1:${port}`,
      ...['mqtt.durable_queue_type = quorum', 'mqtt.prefetch = 100'],
      ...['cluster_partition_handling = pause_minority', 'disk_free_limit.absolute = 1MB'],
      'cluster_formation.peer_discovery_backend = classic_config',
      ...peers.map(
        (peer, place) => `cluster_formation.classic_config.nodes.${place + 1} = ${peer}`,
      ),
    ];
    await writeFile(configFile, `${lines.join('\n')}\n`);
    await writeFile(plugins, '[rabbitmq_mqtt].\n');
    return startServer({
      ...{ command: RABBIT, args: [], cwd: folder, folder, ports: [port], readyMs: 180_000 },
      env: {
        ...{ ...process.env, HOME: home, ERL_EPMD_PORT: `${epmdPort}` },
        ...{ RABBITMQ_NODENAME: peers[n], RABBITMQ_DIST_PORT: `${distributionPort}` },
        ...{ RABBITMQ_CONFIG_FILE: configFile, RABBITMQ_ENABLED_PLUGINS_FILE: plugins },
        ...{ RABBITMQ_MNESIA_BASE: join(folder, 'data'), RABBITMQ_LOG_BASE: folder },
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: ERLANG_ARGS,
        // Otherwise a shell runs beside the node, and a signal ends only that.
        RUNNING_UNDER_SYSTEMD: 'true',
      },
    });
  };
  const [first = 0, ...others] = ports;
  // The plugin's own cluster has a first node, which the others join; started together, none may be the first.
  const nodes = [await start(first, 0)];
  nodes.push(...(await Promise.all(others.map((port, n) => start(port, n + 1)))));
  return { ports, nodes, dispose: () => disposeAll([...nodes, names]) };
}

async function disposeAll(nodes: readonly ServerProcess[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.dispose()));
}
