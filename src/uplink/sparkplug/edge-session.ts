import type { Clock } from '../../base/clock.ts';
import type { SparkplugConfig } from '../../config/schema/sparkplug.ts';
import type { QueueEntry } from '../../queue/queue-entry.ts';
import type { PlantConnection, PlantSubscription } from '../plant-client.ts';
import type { Outgoing } from '../plant-form.ts';
import type { PlantTransport } from '../plant-transport.ts';
import type { Sender } from '../sender.ts';
import type { Births } from './births.ts';
import { DataBatch } from './data-batch.ts';
import type { HostCommands } from './host-commands.ts';
import { HostState } from './host-state.ts';
import { MessageFrames, stateTopic, topicOfType } from './message-frames.ts';
import { dataMetric } from './metric-values.ts';
import { adoptType, type NodeMetric } from './node-metrics.ts';
import { readPlantReading } from './plant-reading.ts';

export interface EdgeSessionParts {
  readonly plant: PlantConnection;
  readonly config: { readonly urls: readonly string[]; readonly sparkplug: SparkplugConfig };
  readonly clock: Clock;
  readonly births: Births;
  readonly commands: HostCommands;
  readonly sender: Pick<Sender, 'connect' | 'disconnect' | 'acknowledged' | 'pump'>;
  readonly bdSeq: number;
  readonly events: {
    proven(): void;
    waiting(sentence: string): void;
    report(sentence: string | false): void;
    failed(error: unknown): void;
  };
  death(): { readonly topic: string; readonly payload: Buffer };
  storedNow(): number;
}

/** Births are sent at most this often, however often a host asks. */
export const BIRTH_EVERY_MS = 1000;
/** How often the node looks for devices that have died or live again. */
const CHECK_MS = 5000;
/** How long it waits for the host at one of several addresses. */
const HOST_WAIT_MS = 10_000;
/** How long NDEATH and the end of the connection may take. */
const LEAVE_MS = 1000;

/** One connection of an edge node: its births, its data, and what proves that the plant has them. */
export class EdgeSession {
  /** Whether it ended, or ends, because the host is offline. */
  leftForHost = false;
  readonly #parts: EdgeSessionParts;
  readonly #frames: MessageFrames;
  readonly #batch: DataBatch;
  readonly #host = new HostState();
  /** Functions that cancel timers. */
  readonly #timers = new Set<() => void>();
  #isBorn = false;
  #isLeaving = false;
  #isProven = false;
  /** When the last births were sent, on the stored clock and on the monotonic one. */
  #bornAt = 0;
  #lastBirthMs = 0;
  /** A birth that was asked for waits for its time. */
  #birthWaits = false;
  /** Packet identifiers of readings that were sent after the last ping, and before it. */
  #sent: number[] = [];
  #asked: number[] | undefined;

  constructor(parts: EdgeSessionParts) {
    const { config, clock, plant, bdSeq } = parts;
    this.#parts = parts;
    this.#frames = new MessageFrames({
      ...{ config: config.sparkplug, bdSeq, wall: () => clock.wall() },
      isMqtt5: plant.protocol.version === 5,
    });
    this.#batch = new DataBatch(this.#frames, plant.maximumPacketSize);
  }

  /** Subscribes, and sends the births if the host is online. */
  async begin(): Promise<void> {
    const { plant, config, events } = this.#parts;
    const { sparkplug, urls } = config;
    const { primaryHost } = sparkplug;
    const filters = [
      topicOfType(sparkplug, 'NCMD'),
      topicOfType(sparkplug, 'DCMD', '+'),
      ...(primaryHost === undefined ? [] : [stateTopic(primaryHost)]),
    ];
    const refused = await plant.subscribe(filters.map(toSubscription)).catch(() => undefined);
    if (plant.isDown) return;
    if (!refused) return plant.giveUp();
    events.report(refused.length > 0 && `${plant.url} refuses to send ${refused.join(', ')}`);
    if (primaryHost === undefined || this.#host.isOnline) return this.#bear();
    if (this.#isBorn) return;
    events.waiting(`${plant.url}: waits for the primary host ${primaryHost}, which is offline`);
    if (urls.length === 1) return;
    this.#later(HOST_WAIT_MS, () => {
      if (!this.#isBorn) void this.#leaveForHost();
    });
  }

  /** All births; then the queue. */
  async #bear(): Promise<void> {
    if (this.#isBorn || this.#isLeaving) return;
    const { plant, sender, births } = this.#parts;
    this.#isBorn = true;
    births.update(undefined);
    this.#sendBirths();
    this.#checkSoon();
    await sender.connect(this.#transport(), false);
    if (plant.isDown) return;
    this.#ping();
  }

  #sendBirths(): void {
    const { births, storedNow, clock } = this.#parts;
    this.#bornAt = storedNow();
    this.#lastBirthMs = clock.monotonic();
    this.#write(births.all(this.#frames));
  }

  /** A host asks for the births: at once, but at most once a second. */
  rebirth(): void {
    if (!this.#isBorn || this.#birthWaits) return;
    const { clock } = this.#parts;
    const waitMs = this.#lastBirthMs + BIRTH_EVERY_MS - clock.monotonic();
    if (waitMs <= 0) return this.#sendBirths();
    this.#birthWaits = true;
    this.#later(waitMs, () => {
      this.#birthWaits = false;
      if (this.#isBorn) this.#sendBirths();
    });
  }

  /** The config may have other metrics. */
  metricsChanged(): void {
    const deaths = this.#parts.births.update(this.#isBorn ? this.#frames : undefined);
    if (!deaths || !this.#isBorn) return;
    this.#write(deaths);
    // At once: what is sent next may be a metric that no host knows.
    this.#sendBirths();
  }

  async receive(topic: string, payload: Buffer, retain: boolean): Promise<void> {
    const { config, commands } = this.#parts;
    const { sparkplug } = config;
    const { primaryHost } = sparkplug;
    if (primaryHost !== undefined && topic === stateTopic(primaryHost)) {
      if (this.#host.receive(payload)) await this.#hostChanged();
      return;
    }
    // A retained command would be carried out at each connection.
    if (retain || !this.#isBorn) return;
    const toDevices = topicOfType(sparkplug, 'DCMD', ' ').slice(0, -1);
    if (topic === topicOfType(sparkplug, 'NCMD')) await commands.receive('', payload);
    else if (topic.startsWith(toDevices)) {
      await commands.receive(topic.slice(toDevices.length), payload);
    }
  }

  async #hostChanged(): Promise<void> {
    const { urls } = this.#parts.config;
    if (this.#host.isOnline) await this.#bear();
    else if (this.#isBorn || urls.length > 1) await this.#leaveForHost();
  }

  async #leaveForHost(): Promise<void> {
    this.leftForHost = true;
    const { plant, config } = this.#parts;
    const offline = `the primary host ${config.sparkplug.primaryHost} is offline`;
    await this.leave(offline);
    plant.giveUp(offline);
  }

  /** Publishes NDEATH and ends the connection, with the reason; nothing is sent after it. */
  async leave(sentence: string): Promise<void> {
    if (this.#isLeaving) return;
    const { plant, sender, clock, death } = this.#parts;
    this.#isLeaving = true;
    this.#isBorn = false;
    sender.disconnect();
    const { topic, payload } = death();
    const closed = plant.publish(topic, payload, 1, false).then(() => plant.close(sentence, true));
    const timeout = new AbortController();
    const late = clock.sleep(LEAVE_MS, timeout.signal);
    await Promise.race([closed, late]).catch(() => undefined);
    timeout.abort();
  }

  end(): void {
    this.#isBorn = false;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Takes a reading, which is written at the end of the turn; before it the births that hosts need to understand it. */
  encode(
    metric: NodeMetric,
    entry: QueueEntry,
    packetId: number,
    body: Buffer,
    start: number,
  ): Outgoing {
    const { births, clock, storedNow } = this.#parts;
    const { device } = metric;
    const reading = readPlantReading(body.subarray(start));
    const isDead = births.states.isDead(device);
    // That a dead device has no value is known by its death.
    if (!reading || (isDead && reading.value === null)) return published(body, body.length);
    if (isDead && births.states.revive(device)) {
      this.#batch.addBirths(() => [births.ofDevice(this.#frames, device)]);
    }
    // Again if the present value has another type than this older one: then the type is text.
    while (adoptType(metric, reading)) {
      this.#bornAt = storedNow();
      this.#lastBirthMs = clock.monotonic();
      this.#batch.addBirths(() => births.all(this.#frames));
    }
    const historical = entry.at < this.#bornAt;
    const time = reading.time ?? Math.max(0, Math.round(clock.wall() - (storedNow() - entry.at)));
    this.#batch.add(device, dataMetric(metric, reading, time, historical));
    this.#sent.push(packetId);
    return { ...published(body, start), isProven: true };
  }

  /** The plant has taken all that was sent before the last ping. */
  answered(): void {
    const { sender, events } = this.#parts;
    const taken = this.#asked;
    if (!taken) return;
    this.#asked = undefined;
    // The births are acknowledged like a message that is not from a queue.
    if (taken.length === 0) sender.acknowledged(0, 0);
    for (const packetId of taken) sender.acknowledged(packetId, 0);
    if (!this.#isProven && this.#isBorn) {
      this.#isProven = true;
      events.proven();
    }
    if (this.#sent.length > 0) this.#ping();
  }

  #ping(): void {
    if (this.#asked) return;
    this.#asked = this.#sent;
    this.#sent = [];
    this.#parts.plant.ping();
  }

  #transport(): PlantTransport {
    const { plant } = this.#parts;
    return {
      url: plant.url,
      // It bounds QoS 1 and 2 only.
      receiveMaximum: 65_535,
      maximumPacketSize: plant.maximumPacketSize,
      ...{ maximumQos: 1, retainAvailable: false },
      get congested() {
        return plant.congested;
      },
      write: (frame) => {
        plant.write(Buffer.concat([...this.#batch.takeAll(), frame]));
        this.#ping();
      },
      giveUp: (sentence) => plant.giveUp(sentence),
    };
  }

  #write(frames: readonly Buffer[]): void {
    if (!this.#isBorn || frames.length === 0) return;
    const { plant } = this.#parts;
    const largest = Math.max(...frames.map(({ length }) => length));
    if (largest > plant.maximumPacketSize) {
      plant.giveUp(
        `takes packets of ${plant.maximumPacketSize} bytes, a certificate of birth has ${largest}: choose fewer values with routes`,
      );
      return;
    }
    plant.write(Buffer.concat([...this.#batch.takeNumbered(), ...frames]));
  }

  #later(ms: number, run: () => void): void {
    const cancel = this.#parts.clock.after(ms, () => {
      this.#timers.delete(cancel);
      this.#guarded(run);
    });
    this.#timers.add(cancel);
  }

  #checkSoon(): void {
    const { births } = this.#parts;
    this.#later(CHECK_MS, () => {
      this.#write(births.check(this.#frames));
      this.#checkSoon();
    });
  }

  /** An error in a timer would end the process. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#parts.events.failed(error);
    }
  }
}

function toSubscription(filter: string): PlantSubscription {
  return { filter, qos: 1, noLocal: true, keepRetain: false };
}

/** Without a packet: that of a reading is written at the end of the turn. */
function published(body: Buffer, start: number): Outgoing & { kind: 'publish' } {
  return {
    kind: 'publish',
    frame: Buffer.alloc(0),
    packet: {
      ...{ qos: 0, retain: false, dup: false, packetId: 0, topic: Buffer.alloc(0) },
      ...{ body, start, properties: undefined },
    },
  };
}
