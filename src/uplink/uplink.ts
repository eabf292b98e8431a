import type { IPublishPacket } from 'mqtt';
import type { Logger } from 'pino';
import type { Broker } from '../broker/broker.ts';
import { Drops } from '../broker/drops.ts';
import type { Clock } from '../clock.ts';
import type { UplinkConfig } from '../config/uplinks.ts';
import type { Service } from '../lifecycle.ts';
import type { Store } from '../store/store.ts';
import { statusTopic, topicProblem } from '../topics.ts';
import { EchoGuard } from './echo.ts';
import { Line, type LineStatus } from './line.ts';
import { Notices } from './notices.ts';
import { Outbox, type OutboxStatus } from './outbox.ts';
import { Routes } from './routes.ts';

export interface UplinkParts {
  readonly cell: string;
  readonly config: UplinkConfig;
  readonly store: Store;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Logger;
  /** From 0 to 1, for the pauses between attempts. */
  random?(): number;
  /** Hears when messages begin to flow to a plant, and when they no longer flow to any. */
  onConnected?(connected: boolean): void;
}

/** An uplink as `$SYS/cellgate/uplink/<name>` and `status` show it. */
export interface UplinkStatus extends LineStatus, OutboxStatus {
  readonly name: string;
  readonly echoes: number;
  readonly received: number;
}

/** One plant: what waits for it, the line to it, and what comes from it. */
export class Uplink {
  readonly name: string;
  readonly #parts: UplinkParts;
  readonly #routes: Routes;
  readonly #echo: EchoGuard | undefined;
  readonly #drops: Drops;
  readonly #outbox: Outbox;
  readonly #line: Line;
  #detach: (() => void)[] = [];
  #received = 0;

  constructor(parts: UplinkParts) {
    const { config, cell, store, clock } = parts;
    this.#parts = parts;
    this.name = config.name;
    const log = parts.log.child({ uplink: config.name });
    const monotonic = (): number => clock.monotonic();
    this.#routes = new Routes({ ...config, own: [statusTopic(cell)] });
    this.#drops = new Drops(log);
    const echo =
      config.in.length > 0 ? new EchoGuard(config.clientId, config.protocol, monotonic) : undefined;
    this.#echo = echo;
    this.#outbox = new Outbox({
      config,
      routes: this.#routes,
      store,
      drops: this.#drops,
      now: () => clock.wall(),
      monotonic,
      properties: echo?.properties ?? (config.protocol === 5 ? Buffer.alloc(0) : undefined),
      onSent: (topic, body, start) => echo?.sent(topic, body.subarray(start)),
    });
    this.#line = new Line({
      config,
      outbox: this.#outbox,
      notices: new Notices(log),
      receive: (topic, packet) => this.#receive(topic, packet),
      changed: () => parts.onConnected?.(this.#line.status.state === 'connected'),
      monotonic,
      random: parts.random ?? Math.random,
    });
  }

  /** From then on nothing that a route takes is acknowledged before it is in the outbox. */
  open(): void {
    const { broker, config } = this.#parts;
    this.#outbox.open();
    this.#detach = config.out.map(({ out }) => broker.attach(out, this.#outbox));
  }

  connect(): void {
    this.#line.start();
  }

  async disconnect(): Promise<void> {
    await this.#line.stop();
  }

  close(): void {
    for (const detach of this.#detach) detach();
    this.#outbox.close();
    this.#drops.stop();
  }

  get status(): UplinkStatus {
    return {
      name: this.name,
      ...this.#line.status,
      ...this.#outbox.status,
      received: this.#received,
      echoes: this.#echo?.stopped ?? 0,
    };
  }

  /** One sentence while the line is down or something is wrong with it. */
  trouble(): string | undefined {
    const { state, reason } = this.#line.status;
    if (reason === null || state === 'proving' || state === 'connecting') return undefined;
    return `uplink ${this.name}: ${reason}`;
  }

  purge(): Promise<number> {
    return this.#outbox.purge();
  }

  async #receive(topic: string, packet: IPublishPacket): Promise<void> {
    const receiving = this.#routes.in(topic);
    const payload = Buffer.from(packet.payload);
    if (!receiving || topicProblem(receiving.local) || receiving.local.startsWith('$')) {
      this.#drops.count(topic, 'no-route');
      return;
    }
    const { local, route } = receiving;
    if (this.#echo?.isEcho(local, payload, packet.properties?.userProperties)) {
      this.#drops.count(`route ${route.in}`, 'echo');
      return;
    }
    this.#received++;
    await this.#parts.broker.publishLocal({
      topic: local,
      payload,
      qos: packet.qos,
      retain: packet.retain && route.retain === 'keep',
      inbound: true,
    });
  }
}

/** All uplinks as two services: their outboxes stand before the broker takes messages, their lines after. */
export function createUplinks(
  parts: Omit<UplinkParts, 'config'>,
  configs: readonly UplinkConfig[],
) {
  let connected = false;
  const onConnected = (): void => {
    const any = uplinks.some(({ status }) => status.state === 'connected');
    if (any !== connected) parts.onConnected?.(any);
    connected = any;
  };
  const uplinks = configs.map((config) => new Uplink({ ...parts, onConnected, config }));
  const outboxes: Service = {
    name: 'outboxes',
    async start() {
      for (const uplink of uplinks) uplink.open();
    },
    async stop() {
      for (const uplink of uplinks) uplink.close();
    },
  };
  const lines: Service = {
    name: 'uplinks',
    async start() {
      for (const uplink of uplinks) uplink.connect();
    },
    async stop() {
      await Promise.all(uplinks.map((uplink) => uplink.disconnect()));
    },
  };
  return { outboxes, lines, uplinks };
}
