import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import { type Mosquitto, runMosquitto } from './mosquitto.ts';
import { freePort } from './server-process.ts';

/** A Mosquitto that plays the plant's broker: it keeps sessions and queues over a stop. */
export interface TestPlant extends Mosquitto {
  readonly port: number;
}

/** Starts a plant; `lines` are added to its configuration, `listener` replaces that of its port. */
export async function startPlant(lines: readonly string[] = []): Promise<TestPlant> {
  const port = await freePort();
  const server = await runMosquitto([port], (dataDir) => [
    'max_queued_messages 0',
    'max_inflight_messages 1000',
    'persistence true',
    `persistence_location ${dataDir}/`,
    ...(lines.some((line) => line.startsWith('password_file')) ? [] : ['allow_anonymous true']),
    `listener ${port} 127.0.0.1`,
    ...lines,
  ]);
  return Object.assign(server, { port });
}

/** A message as the plant's subscriber saw it. */
export interface Arrival {
  readonly topic: string;
  readonly payload: string;
  readonly packet: IPublishPacket;
  /** When, on performance.now(). */
  readonly at: number;
}

/** A persistent subscriber at the plant. */
export interface Collector {
  readonly arrivals: readonly Arrival[];
  readonly client: MqttClient;
  /** Resolves when the condition holds for what has arrived. */
  until(condition: (arrivals: readonly Arrival[]) => boolean, withinMs?: number): Promise<void>;
  close(): Promise<void>;
}

/** Subscribes at a plant, without the probes of the uplinks. */
export async function collect(port: number, filter = '#', qos: 1 | 2 = 2): Promise<Collector> {
  const arrivals: Arrival[] = [];
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: 'collector',
    clean: false,
    reconnectPeriod: 200,
  });
  client.on('error', () => undefined);
  let look = () => {};
  client.on('message', (topic, payload, packet) => {
    if (topic.endsWith('/probe')) return;
    arrivals.push({ topic, payload: payload.toString(), packet, at: performance.now() });
    look();
  });
  await client.subscribeAsync(filter, { qos });
  return {
    arrivals,
    client,
    until: (condition, withinMs = 15_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const last = arrivals.slice(-5).map(({ topic, payload }) => `${topic} ${payload}`);
          reject(
            new Error(`after ${withinMs} ms, ${arrivals.length} arrivals: ${last.join('; ')}`),
          );
        }, withinMs);
        look = () => {
          if (!condition(arrivals)) return;
          look = () => {};
          clearTimeout(timer);
          resolve();
        };
        look();
      }),
    close: () => client.endAsync(true),
  };
}
