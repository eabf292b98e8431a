import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { startMosquitto } from './mosquitto.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

/** The root of the repository. */
export const REPOSITORY: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface GatewayOptions {
  /** As under `sensors` in the config; none by default. */
  readonly sensors?: readonly Readonly<Record<string, unknown>>[];
  /** As under `broker.limits` in the config. */
  readonly limits?: Readonly<Record<string, unknown>>;
  /** The access file. */
  readonly access?: string;
  /** Opens the page on its own port; what is given is added to `http` in the config. */
  readonly http?: Readonly<Record<string, unknown>>;
  /** Top-level config keys, put in place of those that the other options give. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: NodeJS.ProcessEnv;
  /** MQTT versions that the listeners accept, as in the config. */
  readonly versions?: readonly number[];
  /** Where it listens, when `config` names other listeners. */
  readonly ports?: readonly number[];
}

/** A broker under test in a process of its own, with an MQTT and a WebSocket port on loopback. */
export interface TestGateway extends ServerProcess {
  readonly port: number;
  readonly wsPort: number;
  readonly httpPort: number;
  readonly dataDir: string;
  readonly configFile: string;
}

/** Which broker this run tests: ours, or with `MQTT_TARGET=mosquitto` Mosquitto to compare with. */
export const target: 'gateway' | 'mosquitto' =
  process.env.MQTT_TARGET === 'mosquitto' ? 'mosquitto' : 'gateway';

/** Starts the broker that this run tests. */
export function startTarget(options: GatewayOptions = {}): Promise<TestGateway> {
  return target === 'mosquitto' ? startMosquitto(options) : startGateway(options);
}

/** Starts the built gateway with a config and data of its own in a fresh folder; resolves when it accepts clients. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  if (!existsSync(cli)) throw new Error(`there is no gateway to test: ${cli} is missing`);
  const [port, wsPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  const folder = await mkdtemp(join(tmpdir(), 'cellgate-test-'));
  const dataDir = join(folder, 'data');
  const configFile = join(folder, 'config.yaml');
  const versions = options.versions ? { versions: options.versions } : {};
  const config = {
    cell: 'robotcell1',
    data: dataDir,
    broker: {
      listeners: [
        { host: '127.0.0.1', port, ...versions },
        { host: '127.0.0.1', port: wsPort, protocol: 'ws', ...versions },
      ],
      ...(options.limits ? { limits: options.limits } : {}),
      ...(options.access ? { access: options.access } : {}),
    },
    ...(options.sensors ? { sensors: options.sensors } : {}),
    ...(options.http ? { http: { port: httpPort, ...options.http } } : {}),
    ...options.config,
  };
  await writeFile(configFile, stringify(config));
  const server = await startServer({
    command: process.execPath,
    args: [cli, 'run', '--config', configFile],
    cwd: REPOSITORY,
    ports: options.ports ?? [port, wsPort, ...(options.http ? [httpPort] : [])],
    folder,
    ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
  });
  return Object.assign(server, { port, wsPort, httpPort, dataDir, configFile });
}
