/**
 * A cluster of the plant whose nodes are killed under load. `npm run test:clusters` publishes 2,000 messages a second for
 * longer, and kills two nodes; the suite has a sample.
 */
import mqtt from 'mqtt';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startNats, type TestCluster } from '../../support/cluster.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';
import { waitFor } from '../../support/wait-for.ts';

const isWhole = process.env.CLUSTERS === 'whole';
const RATE = isWhole ? 2000 : 300;
/** How long the messages flow before and after each event. */
const PHASE_MS = isWhole ? 8000 : 1000;
const TOPICS = 10;
const BATCH_MS = 20;

const KINDS = [{ name: 'NATS', tool: tools.natsServer, start: startNats }];

const pass = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A durable consumer at one node: a session that the cluster keeps. Where a message has an earlier number, it repeats. */
class Consumer {
  readonly got: Set<number>[] = Array.from({ length: TOPICS }, () => new Set());
  /** Messages that came after a later one of their topic, and were not there before. */
  readonly outOfOrder: string[] = [];
  repeated = 0;
  readonly #last: number[] = Array.from({ length: TOPICS }, () => -1);

  static async start(port: number): Promise<Consumer> {
    const consumer = new Consumer();
    let client: mqtt.MqttClient | undefined;
    // A new cluster elects its leaders first.
    await waitFor(async () => {
      client = await mqtt.connectAsync(
        `mqtt://127.0.0.1:${port}`,
        { clientId: 'historian', clean: false, reconnectPeriod: 500 },
        false,
      );
    });
    onTestFinished(() => client!.endAsync(true));
    client!.on('error', () => undefined);
    client!.on('message', (topic, payload) => consumer.#take(topic, `${payload}`));
    await waitFor(async () => {
      const [granted] = await client!.subscribeAsync('cell/part/#', { qos: 1 });
      expect(granted?.qos).toBe(1);
    });
    return consumer;
  }

  #take(topic: string, payload: string): void {
    const [place, number] = [Number(topic.split('/').at(-1)), Number(payload)];
    const got = this.got[place]!;
    if (got.has(number)) {
      this.repeated++;
      return;
    }
    got.add(number);
    const last = this.#last[place]!;
    if (number < last) this.outOfOrder.push(`${topic} ${number} after ${last}`);
    else this.#last[place] = number;
  }
}

/** A client on the LAN that publishes at a rate; what the gateway has acknowledged is promised. */
class Publisher {
  readonly acked: Set<number>[] = Array.from({ length: TOPICS }, () => new Set());
  readonly #sent: number[] = Array.from({ length: TOPICS }, () => 0);
  readonly #client: mqtt.MqttClient;
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #turn = 0;

  constructor(client: mqtt.MqttClient) {
    this.#client = client;
    this.#timer = setInterval(() => this.#publish(), BATCH_MS);
  }

  #publish(): void {
    this.#due += (RATE * BATCH_MS) / 1000;
    for (; this.#due >= 1; this.#due--) {
      const place = this.#turn++ % TOPICS;
      const number = this.#sent[place]!++;
      this.#client
        .publishAsync(`part/${place}`, `${number}`, { qos: 1 })
        .then(() => this.acked[place]!.add(number))
        .catch(() => undefined);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get count(): number {
    return this.acked.reduce((sum, { size }) => sum + size, 0);
  }
}

async function startCell(cluster: TestCluster): Promise<TestGateway> {
  const gateway = await startGateway({
    config: {
      cell: 'cell',
      uplinks: [
        {
          name: 'plant',
          urls: cluster.ports.map((port) => `mqtt://127.0.0.1:${port}`),
          ...{ cluster: true, protocol: 4 },
          routes: [{ out: 'part/#', to: 'cell/', qos: 1, retain: 'clear' }],
        },
      ],
    },
  });
  onTestFinished(() => gateway.dispose());
  return gateway;
}

/** Kills the node that the uplink uses; resolves when it is connected to another one, with its place. */
async function killUsed(cluster: TestCluster, gateway: TestGateway): Promise<number> {
  const isConnected = ({ state }: { state: string }) => state === 'connected';
  const { url } = await statusWhen(gateway.port, isConnected, 30_000);
  const place = cluster.ports.findIndex((port) => `${url}`.endsWith(`:${port}`));
  await cluster.nodes[place]!.kill();
  const killed = performance.now();
  const other = await statusWhen(
    gateway.port,
    (status) => isConnected(status) && status.url !== url,
    30_000,
  );
  console.log(
    `node ${place} killed, connected to ${other.url} after ${Math.round(performance.now() - killed)} ms`,
  );
  return place;
}

describe.each(KINDS)('a cluster of $name', ({ tool, start }) => {
  beforeEach(needs(tool));

  test(
    'loses no acknowledged message when the node in use is killed, and keeps their order by topic',
    async () => {
      const cluster = await start();
      onTestFinished(() => cluster.dispose());
      // The last node is never the one in use: the uplink takes the first one that works.
      const consumer = await Consumer.start(cluster.ports[2]!);
      const gateway = await startCell(cluster);
      await statusWhen(gateway.port, ({ state }) => state === 'connected', 60_000);
      const lan = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
      onTestFinished(() => lan.endAsync(true));
      const publisher = new Publisher(lan);
      onTestFinished(() => publisher.stop());

      await pass(PHASE_MS);
      const first = await killUsed(cluster, gateway);
      await pass(PHASE_MS);
      await cluster.nodes[first]!.restart();
      if (isWhole) {
        await pass(2 * PHASE_MS);
        const second = await killUsed(cluster, gateway);
        await pass(PHASE_MS);
        await cluster.nodes[second]!.restart();
      }
      await pass(PHASE_MS);
      publisher.stop();

      await statusWhen(gateway.port, ({ queued }) => queued === 0, 120_000);
      const lost = () =>
        publisher.acked.reduce(
          (sum, acked, place) =>
            sum + [...acked].filter((number) => !consumer.got[place]!.has(number)).length,
          0,
        );
      await waitFor(() => expect(lost()).toBe(0));
      expect(consumer.outOfOrder).toEqual([]);
      console.log(`0 lost of ${publisher.count}, ${consumer.repeated} repeated`);
    },
    isWhole ? 400_000 : 90_000,
  );
});
