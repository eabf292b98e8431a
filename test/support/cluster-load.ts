import mqtt from 'mqtt';
import { expect, onTestFinished } from 'vitest';
import type { TestCluster } from './cluster.ts';
import type { UplinkJson } from './statuses.ts';
import { waitFor } from './wait-for.ts';

const BATCH_MS = 20;
/** A status that is older than the death of the node may still be on its way for so long. */
const STATUS_DELAY_MS = 5000;

const setsOf = (topics: number): Set<number>[] => Array.from({ length: topics }, () => new Set());

/** A message that came first after a later one of its topic. */
export interface LateMessage {
  readonly topic: number;
  readonly number: number;
  readonly after: number;
}

/** A durable consumer at one node: a session that the cluster keeps. The payload of a message is its number on its topic. */
export class DurableConsumer {
  readonly got: Set<number>[];
  readonly late: LateMessage[] = [];
  repeated = 0;
  readonly #last: number[];

  /** The topics are `<prefix>/0` and so on. */
  constructor(topics: number) {
    this.got = setsOf(topics);
    this.#last = Array.from({ length: topics }, () => -1);
  }

  static async start(
    port: number,
    { prefix, topics, clientId }: { prefix: string; topics: number; clientId: string },
  ): Promise<DurableConsumer> {
    const consumer = new DurableConsumer(topics);
    const url = `mqtt://127.0.0.1:${port}`;
    const options = { clientId, clean: false, reconnectPeriod: 500 };
    let client: mqtt.MqttClient | undefined;
    // A new cluster elects its leaders first.
    await waitFor(
      async () => {
        client = await mqtt.connectAsync(url, options, false);
      },
      { timeout: 60_000 },
    );
    onTestFinished(() => client!.endAsync(true));
    client!.on('error', () => undefined);
    client!.on('message', (topic, payload) => consumer.#take(topic, `${payload}`));
    await waitFor(async () => {
      const [granted] = await client!.subscribeAsync(`${prefix}/#`, { qos: 1 });
      expect(granted?.qos).toBe(1);
    });
    return consumer;
  }

  #take(name: string, payload: string): void {
    const [topic, number] = [Number(name.split('/').at(-1)), Number(payload)];
    const got = this.got[topic];
    if (!got) return;
    if (got.has(number)) {
      this.repeated++;
      return;
    }
    got.add(number);
    const after = this.#last[topic]!;
    if (number < after) this.late.push({ topic, number, after });
    else this.#last[topic] = number;
  }

  /** How many of these are missing. */
  missing(acked: readonly Set<number>[]): number {
    return acked.reduce(
      (sum, numbers, place) =>
        sum + [...numbers].filter((number) => !this.got[place]!.has(number)).length,
      0,
    );
  }
}

/** A client on the LAN that publishes at a rate; what the gateway has acknowledged is promised. */
export class RatedPublisher {
  readonly acked: Set<number>[];
  readonly #sent: number[];
  readonly #client: mqtt.MqttClient;
  readonly #perBatch: number;
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #turn = 0;

  constructor(client: mqtt.MqttClient, topics: number, rate: number) {
    this.acked = setsOf(topics);
    this.#sent = Array.from({ length: topics }, () => 0);
    this.#client = client;
    this.#perBatch = (rate * BATCH_MS) / 1000;
    this.#timer = setInterval(() => this.#publish(), BATCH_MS);
  }

  #publish(): void {
    this.#due += this.#perBatch;
    for (; this.#due >= 1; this.#due--) {
      const place = this.#turn++ % this.acked.length;
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

  /** How many were published on each topic until now. */
  get sent(): readonly number[] {
    return [...this.#sent];
  }

  get count(): number {
    return this.acked.reduce((sum, { size }) => sum + size, 0);
  }
}

/** What the gateway says about its uplink all the time, compared with what the test has done to the nodes. */
export class StatusRecord {
  /** Statuses that were not true. */
  readonly untrue: string[] = [];
  seen = 0;
  readonly #cluster: TestCluster;
  /** When nodes were killed, by their place; they are not back yet. */
  readonly #killedAt = new Map<number, number>();

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  static async start(port: number, cluster: TestCluster): Promise<StatusRecord> {
    const record = new StatusRecord(cluster);
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    onTestFinished(() => client.endAsync(true));
    client.on('message', (_topic, payload) => record.#take(JSON.parse(`${payload}`)));
    await client.subscribeAsync('$SYS/cellgate/uplink/plant');
    return record;
  }

  async kill(place: number): Promise<void> {
    await this.#cluster.nodes[place]!.kill();
    this.#killedAt.set(place, performance.now());
  }

  async restart(place: number): Promise<void> {
    await this.#cluster.nodes[place]!.restart();
    this.#killedAt.delete(place);
  }

  #take(status: UplinkJson): void {
    this.seen++;
    const { state, url, dropped, deadLetters } = status;
    const place = this.#cluster.ports.findIndex((port) => `${url}`.endsWith(`:${port}`));
    const killedAt = this.#killedAt.get(place);
    const isAtDeadNode = killedAt !== undefined && performance.now() - killedAt > STATUS_DELAY_MS;
    const saysLoss = Object.keys(dropped as object).length > 0 || deadLetters !== 0;
    if ((state === 'connected' && isAtDeadNode) || saysLoss) {
      this.untrue.push(JSON.stringify(status));
    }
  }
}
