import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Mutex } from '../base/mutex.ts';
import type { Sequence } from '../base/sequence.ts';
import type { StateStore } from '../base/state.ts';
import type { Buses } from '../buses/bus.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import { readingTopic } from '../driver-kit/cell-topics.ts';
import type { Driver, Sensor, Tools } from '../driver-kit/driver.ts';
import type { Quality, Unit, Value } from '../driver-kit/reading.ts';
import { handleFor, LEAST_OPEN_MS } from './bus-handle.ts';
import { createChannelPublisher } from './channel-publisher.ts';
import { nextBackoff } from './read-schedule.ts';
import { type ReadingLoopParts, runReadingLoop } from './reading-loop.ts';
import { createTimeLimited } from './time-limited.ts';

export interface SamplerParts {
  readonly cell: string;
  readonly boot: number;
  readonly driver: Driver;
  readonly buses: Buses;
  readonly clock: Clock;
  readonly log: Logger;
  /** Shared by the sensors of one chip: what one writes must not change what another reads. */
  readonly turn: Mutex;
  readonly sequence: Sequence;
  publish(topic: string, payload: Uint8Array): void;
  /** Whether the wall clock can be believed; readings are `uncertain` until then. */
  clockIsSet(): boolean;
  /** From 0 to 1, for the back-off. */
  random(): number;
  readonly state: StateStore;
}

/** A sensor at this moment, for status pages. Times are milliseconds since the Unix epoch. */
export interface SensorStatus {
  readonly name: string;
  readonly driver: string;
  /** Why the last try failed; absent while reads succeed. */
  readonly failure?: string;
  /** Tries in a row that failed. */
  readonly failures: number;
  /** Deadlines that went by since the start because a read took too long. */
  readonly missed: number;
  readonly lastRead?: number;
  readonly channels: readonly {
    readonly topic: string;
    readonly unit: Unit;
    readonly seq: number;
    readonly value: Value;
    readonly quality: Quality;
    readonly reason?: string;
  }[];
}

/** One sensor's life: opened, read at its pace, opened anew when it fails, for ever. */
export interface Sampler {
  readonly name: string;
  /** Where it publishes. */
  readonly topics: readonly string[];
  start(): void;
  /** Resolves when the sensor is closed; a driver that hangs is left behind after a second. */
  stop(): Promise<void>;
  trouble(): string | undefined;
  status(): SensorStatus;
  /** Whether its loop has stood still for far longer than its pace explains. */
  stalled(): boolean;
}

const CLOSE_MS = 1000;
const STALLED_MS = 60_000;

/** A sampler that has not been started. Throws when the topic or the filters make no sense; hardware is not touched. */
export function createSampler(config: SensorConfig, parts: SamplerParts): Sampler {
  const { name, every, timeout } = config;
  const { cell, boot, driver, buses, clock, turn } = parts;
  const log = parts.log.child({ sensor: name });
  const tools: Tools = {
    clock,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    state: parts.state.of(name),
    line: (line) => buses.gpio.line(line),
  };
  /** A fault further on must not end the sensor's life. */
  const publish = (topic: string, payload: Uint8Array): void => {
    try {
      parts.publish(topic, payload);
    } catch (err) {
      log.error({ err, topic }, `sensor ${name}: a reading could not be handed on`);
    }
  };

  const outlets = driver.channels(config.options).map((channel) =>
    createChannelPublisher(channel, {
      sensor: name,
      topic: readingTopic(cell, name, channel.name),
      payload: config.payload,
      sequence: parts.sequence,
      filters: config.filters,
      boot,
      clock,
      state: parts.state.of(channel.name === '' ? name : `${name}/${channel.name}`),
      clockIsSet: () => parts.clockIsSet(),
      publish,
    }),
  );

  const life = new AbortController();
  let running: Promise<void> | undefined;
  let failure: string | undefined;
  let failures = 0;
  let missed = 0;
  let waitMs = 0;
  let lastRead: number | undefined;
  let progress = clock.monotonic();

  const fail = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== failure) log.warn({ err: error }, `sensor ${name}: ${reason}`);
    failure = reason;
    failures += 1;
    for (const outlet of outlets) {
      outlet.take({ value: null, quality: 'bad', reason }, clock.monotonic());
    }
  };

  const session: ReadingLoopParts = {
    clock,
    everyMs: every,
    timeoutMs: timeout,
    outlets,
    turn,
    succeeded() {
      if (failure !== undefined) log.info({ failures }, `sensor ${name}: reads again`);
      failure = undefined;
      failures = 0;
      waitMs = 0;
      lastRead = clock.wall();
    },
    failed: fail,
    progressed(missedNow) {
      missed += missedNow;
      progress = clock.monotonic();
    },
  };

  const close = async (sensor: Sensor): Promise<void> => {
    const closing = createTimeLimited<void>(clock, CLOSE_MS);
    try {
      await closing.run(new AbortController().signal, async () => sensor.close?.());
    } catch (err) {
      log.warn({ err }, `sensor ${name}: could not be closed`);
    }
  };

  const live = async (signal: AbortSignal): Promise<void> => {
    const opening = createTimeLimited<Sensor>(clock, Math.max(timeout, LEAST_OPEN_MS), close);
    while (!signal.aborted) {
      try {
        const sensor = await turn(() =>
          opening.run(signal, (own) =>
            driver.open(handleFor(config, driver, buses), config.options, tools, own),
          ),
        );
        await runReadingLoop(sensor, session, signal).finally(() => close(sensor));
      } catch (error) {
        if (!signal.aborted) fail(error);
      }
      progress = clock.monotonic();
      waitMs = nextBackoff(waitMs, parts.random);
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  };

  return {
    name,
    topics: outlets.map(({ topic }) => topic),
    start() {
      running ??= live(life.signal);
    },
    async stop() {
      life.abort();
      await running;
      for (const outlet of outlets) outlet.stop();
    },
    trouble() {
      if (failure !== undefined) return `${name}: ${failure}`;
      const latest = outlets.map((outlet) => outlet.latest);
      const allBad = latest.length > 0 && latest.every((judged) => judged?.quality === 'bad');
      return allBad ? `${name}: ${latest[0]?.reason}` : undefined;
    },
    status: () => ({
      name,
      driver: driver.name,
      ...(failure === undefined ? {} : { failure }),
      failures,
      missed,
      ...(lastRead === undefined ? {} : { lastRead }),
      channels: outlets.map(({ topic, unit, seq, latest }) => ({
        topic,
        unit,
        seq,
        ...(latest ?? { value: null, quality: 'bad' as const, reason: 'not read yet' }),
      })),
    }),
    stalled: () =>
      running !== undefined && clock.monotonic() - progress > every + timeout + STALLED_MS,
  };
}
