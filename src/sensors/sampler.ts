import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { KeyedMutex, Mutex } from '../base/mutex.ts';
import type { Sequence } from '../base/sequence.ts';
import type { StateStore } from '../base/state.ts';
import type { TroubleLog } from '../base/trouble-log.ts';
import type { Trouble } from '../base/troubles.ts';
import { sharedFault } from '../buses/bus-error.ts';
import type { Buses } from '../buses/buses.ts';
import { filtersOf } from '../config/schema/channel-filters.ts';
import { channelsOf, headingOf, type SensorConfig } from '../config/schema/sensors.ts';
import { readingTopic } from '../driver-kit/cell-topics.ts';
import type { Channel, Driver, Sensor, Tools } from '../driver-kit/driver.ts';
import type { PayloadForm } from '../driver-kit/reading.ts';
import { LEAST_OPEN_MS, type OpenInstead, openSensor } from './bus-handle.ts';
import {
  type ChannelPublisher,
  createChannelPublisher,
  type ReadingForm,
} from './channel-publisher.ts';
import type { QualifiedSample } from './qualified-sample.ts';
import { nextBackoff } from './read-schedule.ts';
import { runReadingLoop } from './reading-loop.ts';
import { SensorCondition } from './sensor-condition.ts';
import type { SensorStatus } from './sensor-status.ts';
import type { SetCommand } from './set-command.ts';
import { type SetTopics, SettableValues } from './settable-values.ts';
import { createTimeLimited } from './time-limited.ts';

export interface SamplerParts extends SetTopics {
  readonly cell: string;
  /** The number of this start of the gateway. */
  boot(): number;
  readonly driver: Driver;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  /** Logs the failures of many sensors together; without it each is logged at once. */
  readonly troubleLog?: TroubleLog | undefined;
  /** Shared by the sensors of one chip: what one writes must not change what another reads. */
  readonly mutex: Mutex;
  /** For what an open sensor shares with others, such as a 1-Wire bus. */
  readonly mutexes: KeyedMutex;
  readonly sequence: Sequence;
  publish(topic: string, payload: Uint8Array, form: ReadingForm): void;
  /** Whether the wall clock is set; readings are `uncertain` until then. */
  clockIsSet(): boolean;
  /** From 0 to 1, for the back-off. */
  random(): number;
  /** Gets the samples behind the filters, also those that are not published. */
  observe?: SensorsObserver | undefined;
  readonly state: StateStore;
  /** Opens what the sensor is in place of its hardware. */
  readonly openInstead?: OpenInstead | undefined;
}

/** Receives the latest sample of a channel behind its filters, at a moment in milliseconds that never jump. */
export type SensorsObserver = (
  sensor: string,
  channel: string,
  sample: QualifiedSample,
  now: number,
) => void;

/** One sensor: opened, read at its interval, and opened again after a failure until it is stopped. */
export interface Sampler {
  readonly name: string;
  /** The topics that it publishes to, mirrors too. */
  readonly topics: readonly string[];
  start(): void;
  /** Resolves when the sensor is closed; a driver that does not return is abandoned after a second. */
  stop(): Promise<void>;
  /** Sets a channel that counts; returns why that is not possible. `channel` is empty for the only one. */
  set(channel: string, command: SetCommand): string | undefined;
  /** What is wrong while it can't be read, or gives bad values only. */
  failure(): Trouble | undefined;
  status(): SensorStatus;
  /** Whether its loop has made no progress for much longer than its interval and timeout allow. */
  stalled(): boolean;
}

const CLOSE_MS = 1000;
const STALLED_MS = 60_000;

/** A sampler that has not been started. Throws if the topic or the filters are invalid; hardware is not accessed. */
export function createSampler(config: SensorConfig, parts: SamplerParts): Sampler {
  return new DriverSampler(config, parts);
}

class DriverSampler implements Sampler {
  readonly #config: SensorConfig;
  readonly #parts: SamplerParts;
  readonly #log: Logger;
  readonly #tools: Tools;
  readonly #publishers: readonly ChannelPublisher[];
  readonly #condition: SensorCondition;
  readonly #life = new AbortController();
  #running: Promise<void> | undefined;
  /** The sensor while it is open. */
  #sensor: Sensor | undefined;
  readonly #values: SettableValues;
  #waitMs = 0;
  #isWaiting = false;
  #reported: string | undefined;

  constructor(config: SensorConfig, parts: SamplerParts) {
    this.#config = config;
    this.#parts = parts;
    this.#log = parts.log.child({ sensor: config.name });
    this.#condition = new SensorCondition(config.name, parts.clock, this.#log, parts.troubleLog);
    const { clock, buses, state } = parts;
    this.#tools = {
      clock,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      state: state.of(config.name),
      report: (sentence) => this.#report(sentence),
      line: (line) => buses.gpio.line(line),
    };
    const channels = channelsOf(config, parts.driver);
    this.#publishers = channels.map((channel) => this.#createPublisher(channel));
    this.#values = new SettableValues({
      ...{ name: config.name, log: this.#log, publishers: this.#publishers },
      sensor: () => this.#sensor,
      failure: () => this.#condition.failure,
      subscribe: parts.subscribe,
      publishResult: parts.publishResult,
    });
  }

  get name(): string {
    return this.#config.name;
  }

  get topics(): readonly string[] {
    return this.#publishers.flatMap(({ topic, mirror }) => [topic, ...(mirror ? [mirror] : [])]);
  }

  start(): void {
    this.#running ??= this.#run(this.#life.signal);
    this.#values.start();
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#values.stop();
    await this.#running;
    for (const publisher of this.#publishers) publisher.stop();
  }

  set(channel: string, command: SetCommand): string | undefined {
    return this.#values.set(channel, command);
  }

  failure(): Trouble | undefined {
    const cause = this.#condition.failure ?? this.#badReason();
    if (cause === undefined) return undefined;
    return { kind: 'sensor', name: this.name, cause, shared: sharedFault(cause) };
  }

  #badReason(): string | undefined {
    const latest = this.#publishers.map((publisher) => publisher.latest);
    const allBad = latest.length > 0 && latest.every((sample) => sample?.quality === 'bad');
    return allBad ? String(latest[0]?.reason) : undefined;
  }

  status(): SensorStatus {
    const { failure, failures, missed, lastRead } = this.#condition;
    return {
      name: this.name,
      driver: this.#parts.driver.name,
      ...headingOf(this.#config),
      ...(failure === undefined ? {} : { failure }),
      failures,
      missed,
      ...(lastRead === undefined ? {} : { lastRead }),
      ...(this.stalled() ? { stalled: true as const } : {}),
      channels: this.#publishers.map(({ topic, unit, seq, latest }) => ({
        topic,
        unit,
        seq,
        ...(latest ?? { value: null, quality: 'bad' as const, reason: 'not read yet' }),
      })),
    };
  }

  stalled(): boolean {
    const { every, timeout } = this.#config;
    if (this.#isWaiting) return false;
    return this.#running !== undefined && this.#condition.idleMs() > every + timeout + STALLED_MS;
  }

  #report(sentence: string): void {
    if (sentence === this.#reported) return;
    this.#reported = sentence;
    this.#log.info(`sensor ${this.name}: ${sentence}`);
  }

  #createPublisher(channel: Channel): ChannelPublisher {
    const { name, payload, filters, mirror } = this.#config;
    const { cell, boot, clock, sequence, state, observe } = this.#parts;
    return createChannelPublisher(channel, {
      sensor: name,
      topic: readingTopic(cell, name, channel.name),
      payload,
      mirror,
      sequence,
      filters: filtersOf(filters, channel.name),
      boot,
      clock,
      state: state.of(channel.name === '' ? name : `${name}/${channel.name}`),
      clockIsSet: () => this.#parts.clockIsSet(),
      ...(observe ? { observe: (sample, now) => observe(name, channel.name, sample, now) } : {}),
      note: (text) => this.#log.warn(`sensor ${name}: ${text}`),
      publish: (topic, bytes, form) => this.#publish(topic, bytes, form),
    });
  }

  /** An error of the receiver must not end the sampler. */
  #publish(topic: string, bytes: Uint8Array, payload: PayloadForm): void {
    try {
      this.#parts.publish(topic, bytes, { payload, expires: this.#config.expires });
    } catch (err) {
      this.#log.error({ err, topic }, `sensor ${this.name}: a reading could not be handed on`);
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, mutex, random } = this.#parts;
    const limitMs = Math.max(this.#config.timeout, LEAST_OPEN_MS);
    const close = (sensor: Sensor): Promise<void> => this.#close(sensor);
    const opening = createTimeLimited<Sensor>(clock, limitMs, close);
    while (!signal.aborted) {
      try {
        const sensor = await mutex(() => opening.run(signal, (own) => this.#open(own)));
        this.#sensor = sensor;
        await this.#read(sensor, signal).finally(() => {
          this.#sensor = undefined;
          return close(sensor);
        });
      } catch (error) {
        if (!signal.aborted) this.#fail(error);
      }
      this.#condition.progress();
      this.#waitMs = nextBackoff(this.#waitMs, random);
      await clock.sleep(this.#waitMs, signal).catch(() => undefined);
    }
  }

  #open(signal: AbortSignal): Promise<Sensor> {
    return openSensor(this.#config, { ...this.#parts, tools: this.#tools }, signal);
  }

  #read(sensor: Sensor, signal: AbortSignal): Promise<void> {
    const parts = {
      clock: this.#parts.clock,
      everyMs: this.#config.every,
      timeoutMs: this.#config.timeout,
      publishers: this.#publishers,
      mutex: this.#turns(sensor.shared),
      succeeded: () => {
        this.#condition.succeed();
        this.#waitMs = 0;
      },
      failed: (error: unknown) => this.#fail(error),
      progressed: (missed: number) => this.#condition.progress(missed),
    };
    return runReadingLoop(sensor, parts, signal);
  }

  /** Waiting for other sensors is progress too: there may be many, each with its own time limit. */
  #turns(shared: string | undefined): Mutex {
    const mutex = shared === undefined ? this.#parts.mutex : this.#parts.mutexes(shared);
    return (operation) => {
      this.#isWaiting = true;
      return mutex(() => {
        this.#isWaiting = false;
        this.#condition.progress();
        return operation();
      });
    };
  }

  #fail(error: unknown): void {
    const reason = this.#condition.fail(error);
    for (const publisher of this.#publishers) {
      publisher.take({ value: null, quality: 'bad', reason }, this.#parts.clock.monotonic());
    }
  }

  async #close(sensor: Sensor): Promise<void> {
    const closing = createTimeLimited<void>(this.#parts.clock, CLOSE_MS);
    try {
      await closing.run(new AbortController().signal, async () => sensor.close?.());
    } catch (err) {
      this.#log.warn({ err }, `sensor ${this.name}: could not be closed`);
    }
  }
}
