import type { IPublishPacket } from 'mqtt';
import { nextBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { QOS_NOT_SUPPORTED, RETAIN_NOT_SUPPORTED } from '../mqtt/reason-codes.ts';
import { describeEnding } from './failures.ts';
import type { OpenPlant, PlantConnection, WillForm } from './plant-client.ts';
import { PlantSubscriptions } from './plant-subscriptions.ts';
import { Probe } from './probe.ts';
import { isReachable } from './reachable.ts';
import type { Sender } from './sender.ts';
import { type ConnectionStatus, StateTracker } from './state-tracker.ts';
import type { ThrottledLog } from './throttled-log.ts';

export interface UplinkConnectionParts {
  readonly config: UplinkConfig;
  readonly sender: Sender;
  readonly log: ThrottledLog;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** What the gateway knows about the session at the plant; not used before `start`. */
  state(): KeyValueStore;
  /** Loads mqtt.js; called by `start`, so that a gateway without an uplink does not load it. */
  load(): Promise<OpenPlant>;
  /** A message from the plant, on any topic but the probe's. */
  receive(topic: string, packet: IPublishPacket): Promise<void>;
  /** Counts a fault of this program; `what` was being done. */
  fault(what: string, error: unknown): void;
  /** Called when the state has changed. */
  changed(): void;
  /** From 0 to 1, for the pauses between attempts. */
  random(): number;
}

/** After a connection that lasted this long, the pauses start again with the shortest. */
const STABLE_MS = 60_000;
/** How often the gateway repeats subscriptions that the plant has refused. */
const RETRY_DENIED_MS = 20_000;
/** How often the gateway tries the first address while it uses another one. */
const CHECK_FIRST_MS = 60_000;
const CHECK_ACKS_MS = 1000;
const FULL_WILL: WillForm = { qos: 1, retain: true };
/** How long a stop waits until the plant has the `offline` message. */
const CLOSE_TIMEOUT_MS = 2000;
/** The shortest time without an answer after which the gateway closes a connection. */
const SHORTEST_TIMEOUT_MS = 5000;
const LONGEST_PROBE_TIMEOUT_MS = 30_000;

/** Maintains a connection to one of the plant's addresses, and its state. */
export class UplinkConnection {
  readonly #parts: UplinkConnectionParts;
  readonly #tracker: StateTracker;
  readonly #subscriptions: PlantSubscriptions;
  readonly #probeTopic: string;
  readonly #stop = new AbortController();
  #plant: PlantConnection | undefined;
  /** Of the plants that refuse a retained will, or its QoS, by their addresses. */
  readonly #wills = new Map<string, WillForm>();
  #probe: Probe | undefined;
  #reconnects = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: UplinkConnectionParts) {
    const { config, log, clock, state, changed } = parts;
    this.#parts = parts;
    this.#probeTopic = `${config.status}/probe`;
    this.#tracker = new StateTracker(config.urls[0] ?? '', {
      log,
      changed,
      monotonic: () => clock.monotonic(),
    });
    this.#subscriptions = new PlantSubscriptions({
      config,
      probeTopic: this.#probeTopic,
      state,
      report: (problem, sentence) => this.#tracker.report(problem, sentence),
    });
  }

  get status(): ConnectionStatus {
    return {
      ...this.#tracker.status,
      probe: this.#probe?.roundTrip ?? null,
      reconnects: this.#reconnects,
    };
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Publishes `offline` at the plant and ends the connection; resolves when it has ended. */
  async stop(): Promise<void> {
    const { config, clock, log } = this.#parts;
    this.#stop.abort();
    const plant = this.#plant;
    const { state } = this.#tracker;
    if (plant && (state === 'connected' || state === 'proving')) {
      const closed = plant.publish(config.status, 'offline', 1, true).then(() => plant.close());
      await Promise.race([closed, clock.sleep(CLOSE_TIMEOUT_MS)]).catch(() => undefined);
    }
    plant?.giveUp('the gateway stops');
    await this.#running;
    log.stop();
    this.#tracker.to('stopped', null);
  }

  /** Connects again and again until `stop`, with a pause after all addresses have failed. */
  async #run(): Promise<void> {
    const { config, random, clock } = this.#parts;
    const { signal } = this.#stop;
    const open = await this.#parts.load();
    let waitMs = 0;
    for (let place = 0; !signal.aborted; ) {
      const url = config.urls[place % config.urls.length] ?? '';
      const upMs = await this.#attempt(open, url);
      if (signal.aborted) return;
      this.#reconnects++;
      const last = place % config.urls.length === config.urls.length - 1;
      // After a working connection the first address is next; otherwise the next one, at once.
      place = upMs > 0 ? 0 : place + 1;
      if (upMs === 0 && !last) continue;
      if (upMs >= STABLE_MS) waitMs = 0;
      waitMs = nextBackoff(waitMs, config.reconnectMax, random);
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** One connection from its start to its end; resolves with its duration in milliseconds. */
  #attempt(open: OpenPlant, url: string): Promise<number> {
    const { config, sender, clock } = this.#parts;
    this.#tracker.url = url;
    if (this.#tracker.state !== 'down') this.#tracker.to('connecting', null);
    return new Promise((resolve) => {
      let upAt: number | undefined;
      const timers: NodeJS.Timeout[] = [];
      const down = (sentence: string): void => {
        for (const timer of timers) clearInterval(timer);
        this.#probe?.stop();
        this.#plant = undefined;
        this.#tracker.clearProblems();
        sender.disconnect();
        if (!this.#stop.signal.aborted) this.#tracker.to('down', sentence);
        resolve(upAt === undefined ? 0 : Math.max(1, clock.monotonic() - upAt));
      };
      try {
        const plant = open(
          config,
          url,
          {
            up: (resumed) => {
              upAt = clock.monotonic();
              this.#up(plant, resumed).catch((error: unknown) => this.#failed(plant, error));
              timers.push(setInterval(() => this.#checkAcks(plant), CHECK_ACKS_MS));
              timers.push(setInterval(() => void this.#retryDenied(plant), RETRY_DENIED_MS));
              if (url !== config.urls[0]) {
                timers.push(setInterval(() => void this.#checkFirst(plant), CHECK_FIRST_MS));
              }
            },
            acknowledged: (packetId, reason) => sender.acknowledged(packetId, reason),
            received: (packetId, reason) => sender.received(packetId, reason),
            completed: (packetId) => sender.completed(packetId),
            drained: () => sender.pump(),
            failed: (error) => this.#failed(plant, error),
            message: (topic, packet) => this.#message(topic, packet),
            down: (ending) => {
              this.#adaptWill(url, ending.refusal);
              down(describeEnding(ending));
            },
          },
          this.#wills.get(url) ?? FULL_WILL,
        );
        this.#plant = plant;
      } catch (error) {
        down((error as Error).message);
      }
    });
  }

  /** The next CONNECT to this address has a will that the plant takes. */
  #adaptWill(url: string, refusal: number | undefined): void {
    const will = this.#wills.get(url) ?? FULL_WILL;
    if (refusal === RETAIN_NOT_SUPPORTED) this.#wills.set(url, { ...will, retain: false });
    if (refusal === QOS_NOT_SUPPORTED) this.#wills.set(url, { ...will, qos: 0 });
  }

  /** Makes another connection: what became of the packet is not known. */
  #failed(plant: PlantConnection, error: unknown): void {
    this.#parts.fault(`handling a packet of ${plant.url}`, error);
    plant.giveUp('a fault of the gateway, see its log');
  }

  async #up(plant: PlantConnection, resumed: boolean): Promise<void> {
    this.#tracker.to('proving', `${plant.url}: connected, waiting for the probe to come back`);
    void this.#publishOnline(plant);
    await this.#parts.sender.connect(plant, resumed);
    if (plant.isDown) return;
    const probe = this.#createProbe(plant);
    this.#probe = probe;
    try {
      await this.#subscriptions.subscribe(plant, resumed);
    } catch {
      plant.giveUp();
    }
    if (plant.isDown) return;
    if (this.#subscriptions.hasProbe) probe.start();
    // Without a probe, no more can be checked.
    else this.#tracker.to('connected', null);
  }

  #createProbe(plant: PlantConnection): Probe {
    const { config, clock } = this.#parts;
    return new Probe({
      topic: this.#probeTopic,
      everyMs: config.probe,
      timeoutMs: Math.max(
        SHORTEST_TIMEOUT_MS,
        Math.min(config.keepalive, LONGEST_PROBE_TIMEOUT_MS),
      ),
      publish: (topic, payload) => plant.publish(topic, payload, 0, false),
      monotonic: () => clock.monotonic(),
      proven: () => this.#tracker.to('connected', null),
      lost: (topic) => {
        plant.giveUp(
          `takes messages and does not bring them back: the probe on ${topic} did not return`,
        );
      },
    });
  }

  /** Repeats the subscriptions that the plant has refused: rights there may change during the connection. */
  async #retryDenied(plant: PlantConnection): Promise<void> {
    if (this.#tracker.has('status')) void this.#publishOnline(plant);
    const probe = this.#probe;
    if (!probe) return;
    const wasRefused = this.#tracker.has('probe');
    // A failed request is repeated with the next one.
    await this.#subscriptions.retryDenied(plant).catch(() => undefined);
    if (wasRefused && !plant.isDown && !this.#tracker.has('probe')) probe.start();
  }

  async #publishOnline(plant: PlantConnection): Promise<void> {
    const { status } = this.#parts.config;
    try {
      await plant.publish(status, 'online', 1, true);
      if (!plant.isDown) this.#tracker.report('status', false);
    } catch (error) {
      if (plant.isDown) return;
      this.#tracker.report(
        'status',
        `${plant.url} does not take ${status}: ${(error as Error).message}`,
      );
    }
  }

  async #message(topic: string, packet: IPublishPacket): Promise<void> {
    if (this.#probe?.topic === topic) this.#probe.returned(packet.payload.toString());
    else await this.#parts.receive(topic, packet);
  }

  /** Ends a connection on which the plant answers pings but acknowledges nothing. */
  #checkAcks(plant: PlantConnection): void {
    const { sender, config } = this.#parts;
    const timeoutMs = Math.max(SHORTEST_TIMEOUT_MS, config.keepalive * 2);
    const overdue = sender.overdue(timeoutMs);
    if (overdue === 0) return;
    plant.giveUp(`has acknowledged none of ${overdue} messages for ${timeoutMs / 1000} s`);
  }

  /** Changes from a spare address back to the first one when it accepts connections again. */
  async #checkFirst(plant: PlantConnection): Promise<void> {
    const reachable = await isReachable(this.#parts.config.urls[0] ?? '');
    if (reachable && !plant.isDown) {
      plant.giveUp('left for the first address, which answers again');
    }
  }
}
