import { createConnection } from 'node:net';
import type { IPublishPacket } from 'mqtt';
import type { KeyValueStore } from '../base/state.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { describeEnding } from './failures.ts';
import type { Outbox } from './outbox.ts';
import type { PlantClient, PlantSubscription } from './plant-client.ts';
import { Probe } from './probe.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface UplinkConnectionParts {
  readonly config: UplinkConfig;
  readonly outbox: Outbox;
  readonly notices: ThrottledLog;
  /** What is remembered of the session at the plant; asked while the line runs. */
  memory(): KeyValueStore;
  /** A message that an in route may want. */
  receive(topic: string, packet: IPublishPacket): Promise<void>;
  /** Called when the state has changed. */
  changed(): void;
  monotonic(): number;
  /** From 0 to 1, for the pauses. */
  random(): number;
}

/** `connected` means that a message has gone through the plant and back. */
export type ConnectionState = 'connecting' | 'proving' | 'connected' | 'down' | 'stopped';

export interface ConnectionStatus {
  readonly state: ConnectionState;
  /** Address in use, or the one tried last. */
  readonly url: string;
  /** Milliseconds since the state began. */
  readonly since: number;
  /** Why it is not `connected`, and what else is wrong with it. */
  readonly reason: string | null;
  /** Milliseconds that the last probe took. */
  readonly probe: number | null;
  readonly reconnects: number;
}

const SHORTEST_PAUSE_MS = 1000;
/** A line that held this long was a good one: the pauses begin anew. */
const STABLE_MS = 60_000;
/** How often the plant is asked again for what it has refused. */
const AGAIN_MS = 20_000;
/** How often the first address is looked at while another one serves. */
const RETURN_MS = 60_000;
const GOODBYE_MS = 2000;
/** The in routes' filters that the session at the plant has, or may have. */
const SUBSCRIBED = 'subscribed';

/** Keeps a connection to one of the plant's addresses, and knows how it is. */
export class UplinkConnection {
  readonly #parts: UplinkConnectionParts;
  readonly #stop = new AbortController();
  #plant: PlantClient | undefined;
  #state: ConnectionState = 'stopped';
  #since = 0;
  #url: string;
  #reason: string | null = null;
  /** What is wrong beside the state, until the plant grants it or the connection ends. */
  readonly #refused = new Map<'routes' | 'probe' | 'status', string>();
  #probe: Probe | undefined;
  #reconnects = 0;
  #running: Promise<void> = Promise.resolve();
  /** Filters that the plant has refused when it was asked last. */
  #denied: readonly string[] = [];
  /** Filters that were subscribed on a session that the plant may still have. */
  #subscribed = false;

  constructor(parts: UplinkConnectionParts) {
    this.#parts = parts;
    this.#url = parts.config.urls[0] ?? '';
  }

  get status(): ConnectionStatus {
    return {
      state: this.#state,
      url: this.#url,
      since: Math.round(this.#parts.monotonic() - this.#since),
      reason: this.#reason ?? ([...this.#refused.values()].join('; ') || null),
      probe: this.#probe?.roundTrip ?? null,
      reconnects: this.#reconnects,
    };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Says `offline` to the plant and leaves. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const plant = this.#plant;
    if (plant && (this.#state === 'connected' || this.#state === 'proving')) {
      const goodbye = plant
        .publish(this.#parts.config.status, 'offline', 1, true)
        .then(() => plant.close());
      await Promise.race([goodbye, pause(GOODBYE_MS)]).catch(() => undefined);
    }
    plant?.giveUp('the gateway stops');
    await this.#running;
    this.#parts.notices.stop();
    this.#to('stopped', null);
  }

  /** Attempt after attempt, with pauses that spread out and begin anew after a good time [decorrelated jitter]. */
  async #run(): Promise<void> {
    const { config, random, monotonic } = this.#parts;
    const { signal } = this.#stop;
    // Who has no uplink does not load mqtt.js.
    const { PlantClient } = await import('./plant-client.ts');
    let wait = SHORTEST_PAUSE_MS;
    for (let place = 0; !signal.aborted; ) {
      const url = config.urls[place % config.urls.length] ?? '';
      const upFor = await this.#attempt(PlantClient, url);
      if (signal.aborted) return;
      this.#reconnects++;
      const last = place % config.urls.length === config.urls.length - 1;
      // After a working line the first address comes first; otherwise the next one at once.
      place = upFor > 0 ? 0 : place + 1;
      if (upFor === 0 && !last) continue;
      if (upFor >= STABLE_MS) wait = SHORTEST_PAUSE_MS;
      const range = Math.max(0, wait * 3 - SHORTEST_PAUSE_MS);
      wait = Math.min(config.reconnectMax, SHORTEST_PAUSE_MS + random() * range);
      const until = monotonic() + wait;
      await pause(Math.max(0, until - monotonic()), signal);
    }
  }

  /** One connection from its begin to its end; resolves with the milliseconds that it worked. */
  #attempt(WorkingPlant: typeof PlantClient, url: string): Promise<number> {
    const { config, outbox, monotonic } = this.#parts;
    this.#url = url;
    if (this.#state !== 'down') this.#to('connecting', null);
    return new Promise((resolve) => {
      let upAt: number | undefined;
      const watches: NodeJS.Timeout[] = [];
      const down = (sentence: string): void => {
        for (const watch of watches) clearInterval(watch);
        this.#probe?.stop();
        this.#plant = undefined;
        this.#refused.clear();
        outbox.sender.disconnect();
        if (!this.#stop.signal.aborted) this.#to('down', sentence);
        resolve(upAt === undefined ? 0 : Math.max(1, monotonic() - upAt));
      };
      try {
        const plant = new WorkingPlant(config, url, {
          up: (resumed) => {
            upAt = monotonic();
            void this.#up(plant, resumed);
            watches.push(setInterval(() => this.#watchAcks(plant), 1000));
            watches.push(setInterval(() => this.#askAgain(plant), AGAIN_MS));
            if (url !== config.urls[0]) {
              watches.push(setInterval(() => this.#lookAtFirst(plant), RETURN_MS));
            }
          },
          acknowledged: (packetId, reason) => outbox.sender.acknowledged(packetId, reason),
          received: (packetId, reason) => outbox.sender.received(packetId, reason),
          completed: (packetId) => outbox.sender.completed(packetId),
          drained: () => outbox.sender.pump(),
          message: (topic, packet) => this.#message(topic, packet),
          down: (ending) => down(describeEnding(ending)),
        });
        this.#plant = plant;
      } catch (error) {
        down((error as Error).message);
      }
    });
  }

  async #up(plant: PlantClient, resumed: boolean): Promise<void> {
    const { config, outbox } = this.#parts;
    this.#to('proving', `${plant.url}: connected, waiting for the probe to come back`);
    void this.#tellOnline(plant);
    await outbox.connect(plant, resumed);
    if (this.#plant !== plant) return;
    this.#probe = new Probe({
      topic: `${config.status}/probe`,
      everyMs: config.probe,
      patienceMs: Math.max(5000, Math.min(config.keepalive, 30_000)),
      publish: (topic, payload) => plant.publish(topic, payload, 0, false),
      monotonic: this.#parts.monotonic,
      proven: () => this.#to('connected', null),
      lost: (topic) => {
        plant.giveUp(
          `takes messages and does not bring them back: the probe on ${topic} did not return`,
        );
      },
    });
    await this.#subscribe(plant, this.#probe, resumed).catch(() => plant.giveUp());
  }

  async #subscribe(plant: PlantClient, probe: Probe, resumed: boolean): Promise<void> {
    const { config } = this.#parts;
    if (resumed) await this.#unsubscribeOthers(plant);
    // The session has the others already: asked for again, they would send their retained messages again.
    const kept = resumed && this.#subscribed;
    const wanted = config.in
      .map((route) => route.in)
      .filter((filter) => !kept || this.#denied.includes(filter));
    const refused = await this.#askFor(plant, [
      ...(config.probe > 0 ? [probe.topic] : []),
      ...wanted,
    ]);
    if (this.#plant !== plant) return;
    this.#parts.memory().set(
      SUBSCRIBED,
      config.in.map((route) => route.in),
    );
    this.#subscribed = true;
    if (config.probe > 0 && !refused.includes(probe.topic)) probe.start();
    // Without a probe the acknowledgement of the status message is the proof.
    else this.#to('connected', null);
  }

  /** Subscribes to the probe's topic and filters of in routes. Resolves with those that the plant refuses. */
  async #askFor(plant: PlantClient, filters: readonly string[]): Promise<readonly string[]> {
    const { config } = this.#parts;
    const wanted = filters.map((filter): PlantSubscription => {
      const route = config.in.find((one) => one.in === filter);
      if (!route) return { filter, qos: 0, noLocal: false, keepRetain: false };
      return { filter, qos: route.qos, noLocal: true, keepRetain: route.retain === 'keep' };
    });
    const refused = await plant.subscribe(wanted);
    if (this.#plant !== plant) return refused;
    const topic = this.#probe?.topic;
    const routes = refused.filter((filter) => filter !== topic);
    this.#note('routes', routes.length > 0 && `${plant.url} refuses to send ${routes.join(', ')}`);
    const blind = topic !== undefined && refused.includes(topic);
    this.#note('probe', blind && `${plant.url} refuses the probe on ${topic}`);
    this.#denied = refused;
    return refused;
  }

  /** Rights at the plant may change while the line holds. */
  #askAgain(plant: PlantClient): void {
    if (this.#refused.has('status')) void this.#tellOnline(plant);
    const probe = this.#probe;
    if (this.#denied.length === 0 || !probe) return;
    const wasBlind = this.#refused.has('probe');
    this.#askFor(plant, this.#denied)
      .then(() => {
        if (wasBlind && this.#plant === plant && !this.#refused.has('probe')) probe.start();
      })
      .catch(() => undefined);
  }

  /** The session at the plant outlives the config: what no route asks for any more would come for ever. */
  async #unsubscribeOthers(plant: PlantClient): Promise<void> {
    const { config, memory } = this.#parts;
    const before = memory().get(SUBSCRIBED);
    if (!Array.isArray(before)) return;
    const others = before.filter((filter) => !config.in.some((route) => route.in === filter));
    await plant.unsubscribe(others);
  }

  async #tellOnline(plant: PlantClient): Promise<void> {
    const { status } = this.#parts.config;
    try {
      await plant.publish(status, 'online', 1, true);
      if (this.#plant === plant) this.#note('status', false);
    } catch (error) {
      if (this.#plant !== plant) return;
      this.#note('status', `${plant.url} does not take ${status}: ${(error as Error).message}`);
    }
  }

  async #message(topic: string, packet: IPublishPacket): Promise<void> {
    if (this.#probe?.topic === topic) this.#probe.returned(packet.payload.toString());
    else await this.#parts.receive(topic, packet);
  }

  /** A plant that answers pings and acknowledges nothing. */
  #watchAcks(plant: PlantClient): void {
    const { outbox, monotonic, config } = this.#parts;
    const { unacknowledged, lastAck } = outbox.sender;
    const patience = Math.max(5000, config.keepalive * 2);
    if (unacknowledged === 0 || monotonic() - Math.max(lastAck, outbox.sender.lastSend) < patience)
      return;
    plant.giveUp(`has acknowledged none of ${unacknowledged} messages for ${patience / 1000} s`);
  }

  /** Leaves a spare address when the first takes connections again. */
  #lookAtFirst(plant: PlantClient): void {
    const { protocol, hostname, port } = new URL(this.#parts.config.urls[0] ?? '');
    const usual = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 }[protocol] ?? 1883;
    const socket = createConnection({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || usual,
      timeout: 5000,
    });
    socket.once('connect', () => {
      socket.destroy();
      if (this.#plant === plant) plant.giveUp('left for the first address, which answers again');
    });
    socket.once('timeout', () => socket.destroy());
    socket.once('error', () => socket.destroy());
  }

  /** Something is wrong beside the state, or no longer is. */
  #note(of: 'routes' | 'probe' | 'status', sentence: string | false): void {
    const before = this.#refused.get(of);
    if (sentence === false) this.#refused.delete(of);
    else this.#refused.set(of, sentence);
    if (sentence && sentence !== before) this.#parts.notices.log('warn', sentence);
  }

  #to(state: ConnectionState, reason: string | null): void {
    const { notices, changed, monotonic } = this.#parts;
    const news = state !== this.#state;
    if (news) this.#since = monotonic();
    this.#state = state;
    this.#reason = reason;
    if (news) changed();
    if (state === 'connected') notices.log('info', `connected to ${this.#url}: messages flow`);
    else if (state === 'down' && reason) notices.log('warn', reason);
  }
}

/** Resolves after `ms`, or when the signal aborts. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
