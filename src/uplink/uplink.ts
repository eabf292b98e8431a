import { isDeepStrictEqual } from 'node:util';
import type { IPublishPacket } from 'mqtt';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Broker } from '../broker/broker.ts';
import { DropCounter } from '../broker/stats/drop-counter.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { statusTopic, topicProblem } from '../mqtt/topics.ts';
import type { Store } from '../store/store.ts';
import { EchoGuard } from './echo.ts';
import { type CurrentRouting, Outbox, type OutboxStatus } from './outbox.ts';
import { Routes } from './routes.ts';
import { ThrottledLog } from './throttled-log.ts';
import { type ConnectionStatus, UplinkConnection } from './uplink-connection.ts';

export interface UplinkParts {
  readonly cell: string;
  readonly config: UplinkConfig;
  readonly store: Store;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Logger;
  /** A better payload than the one that was kept. */
  correct?(payload: Buffer): Buffer | undefined;
  /** From 0 to 1, for the pauses between attempts. */
  random?(): number;
  /** Hears when messages begin to flow to a plant, and when they no longer flow to any. */
  onConnected?(connected: boolean): void;
}

/** An uplink as `$SYS/cellgate/uplink/<name>` and `status` show it. */
export interface UplinkStatus extends ConnectionStatus, OutboxStatus {
  readonly name: string;
  readonly echoes: number;
  readonly received: number;
}

/** One plant: what waits for it, the line to it, and what comes from it. */
export class Uplink {
  readonly name: string;
  readonly #parts: UplinkParts;
  readonly #log: Logger;
  readonly #drops: DropCounter;
  readonly #outbox: Outbox;
  #config: UplinkConfig;
  #echo: EchoGuard | undefined;
  #way: CurrentRouting;
  #line: UplinkConnection;
  /** How to end taking what a filter matches. */
  readonly #attached = new Map<string, () => void>();
  #received = 0;

  constructor(parts: UplinkParts) {
    const { config, store, clock, correct } = parts;
    this.#parts = parts;
    this.#config = config;
    this.name = config.name;
    this.#log = parts.log.child({ uplink: config.name });
    this.#drops = new DropCounter(this.#log);
    this.#echo = this.#newEchoGuard();
    this.#way = this.#newWay();
    this.#outbox = new Outbox({
      way: () => this.#way,
      store,
      drops: this.#drops,
      now: () => store.storedClock.now(),
      monotonic: () => clock.monotonic(),
      onSent: (topic, body, start) => this.#echo?.sent(topic, body.subarray(start)),
      ...(correct ? { correct } : {}),
    });
    this.#line = this.#newLine();
  }

  #newWay(): CurrentRouting {
    const { protocol } = this.#config;
    return {
      config: this.#config,
      routes: new Routes({ ...this.#config, own: [statusTopic(this.#parts.cell)] }),
      properties: this.#echo?.properties ?? (protocol === 5 ? Buffer.alloc(0) : undefined),
    };
  }

  #newEchoGuard(): EchoGuard | undefined {
    const { clientId, protocol, in: routes } = this.#config;
    if (routes.length === 0) return undefined;
    return new EchoGuard(clientId, protocol, () => this.#parts.clock.monotonic());
  }

  #newLine(): UplinkConnection {
    const { clock, store, random = Math.random, onConnected } = this.#parts;
    return new UplinkConnection({
      config: this.#config,
      outbox: this.#outbox,
      notices: new ThrottledLog(this.#log),
      memory: () => store.state.of(`$uplink/${this.name}`),
      receive: (topic, packet) => this.#receive(topic, packet),
      changed: () => onConnected?.(this.#line.status.state === 'connected'),
      monotonic: () => clock.monotonic(),
      random,
    });
  }

  /** From then on nothing that a route takes is acknowledged before it is in the outbox. */
  open(): void {
    this.#outbox.open();
    this.#attach();
  }

  #attach(): void {
    const wanted = new Set(this.#config.out.map(({ out }) => out));
    for (const filter of [...this.#attached.keys()]) {
      if (!wanted.has(filter)) this.#detach(filter);
    }
    for (const filter of wanted) {
      if (this.#attached.has(filter)) continue;
      this.#attached.set(filter, this.#parts.broker.attach(filter, this.#outbox));
    }
  }

  #detach(filter: string): void {
    this.#attached.get(filter)?.();
    this.#attached.delete(filter);
  }

  /**
   * Goes on by another config: what waits stays, and nothing that comes meanwhile is missed. The line begins anew
   * only where something of it has changed.
   */
  async applyConfig(config: UplinkConfig): Promise<void> {
    const begins = !isDeepStrictEqual(lineOf(this.#config), lineOf(config));
    if (begins) await this.#line.stop();
    this.#config = config;
    if (begins) this.#echo = this.#newEchoGuard();
    this.#way = this.#newWay();
    this.#outbox.reconfigure();
    this.#attach();
    if (!begins) return;
    this.#line = this.#newLine();
    this.#line.start();
  }

  /** Takes nothing more and says nothing more until `use`; what waits, waits. */
  async park(): Promise<void> {
    for (const filter of [...this.#attached.keys()]) this.#detach(filter);
    await this.#line.stop();
  }

  connect(): void {
    this.#line.start();
  }

  async disconnect(): Promise<void> {
    await this.#line.stop();
  }

  close(): void {
    for (const filter of [...this.#attached.keys()]) this.#detach(filter);
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
    const receiving = this.#way.routes.in(topic);
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

/** What a connection to the plant was made with: all but what decides over the queue alone. */
function lineOf({ queue, out, live, drainRate, inflight, ...line }: UplinkConfig): unknown {
  return { ...line, qos2: out.some(({ qos }) => qos === 2) };
}

/** All uplinks as two services: their outboxes stand before the broker takes messages, their lines after. */
export interface Uplinks {
  readonly outboxes: Service;
  readonly lines: Service;
  /** Those of the config in force. */
  all(): readonly Uplink[];
  /** Brings them to another config: each that is the same in it is left alone. */
  applyConfig(configs: readonly UplinkConfig[]): Promise<void>;
}

export function createUplinks(
  parts: Omit<UplinkParts, 'config'>,
  first: readonly UplinkConfig[],
): Uplinks {
  let connected = false;
  const onConnected = (): void => {
    const any = all().some(({ status }) => status.state === 'connected');
    if (any !== connected) parts.onConnected?.(any);
    connected = any;
  };
  let configs = first;
  const create = (config: UplinkConfig): Uplink => new Uplink({ ...parts, onConnected, config });
  /** One that is out of use stays: it alone knows its place in its queue on disk. */
  const known = new Map(first.map((config) => [config.name, create(config)]));
  const all = (): readonly Uplink[] => configs.map(({ name }) => known.get(name)!);
  const outboxes: Service = {
    name: 'outboxes',
    async start() {
      for (const uplink of known.values()) uplink.open();
    },
    async stop() {
      for (const uplink of known.values()) uplink.close();
    },
  };
  const lines: Service = {
    name: 'uplinks',
    async start() {
      for (const uplink of known.values()) uplink.connect();
    },
    async stop() {
      await Promise.all(all().map((uplink) => uplink.disconnect()));
    },
    troubles: () => all().flatMap((uplink) => uplink.trouble() ?? []),
  };
  const applyConfig = async (next: readonly UplinkConfig[]): Promise<void> => {
    const before = new Map(configs.map((config) => [config.name, config]));
    const names = new Set(next.map(({ name }) => name));
    configs = next;
    for (const [name, uplink] of known) {
      if (before.has(name) && !names.has(name)) await uplink.park();
    }
    for (const config of next) {
      const uplink = known.get(config.name);
      const former = before.get(config.name);
      if (!uplink) {
        const fresh = create(config);
        known.set(config.name, fresh);
        fresh.open();
        fresh.connect();
      } else if (!isDeepStrictEqual(former, config)) {
        await uplink.applyConfig(config);
        if (!former) uplink.connect();
      }
    }
    onConnected();
  };
  return { outboxes, lines, all, applyConfig };
}
