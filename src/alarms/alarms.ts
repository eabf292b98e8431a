import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { Sequence } from '../base/sequence.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { AlarmConfig } from '../config/schema/alarms.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import { didYouMean } from '../config/yaml/suggestion.ts';
import { alarmTopic, readingTopic } from '../driver-kit/cell-topics.ts';
import { Alarm, type AlarmStatus } from './alarm.ts';
import { type AlarmCommand, parseAlarmCommand } from './alarm-command.ts';
import type { WatchedSample } from './alarm-condition.ts';
import { type AlarmEvent, type AlarmState, NORMAL, storedState } from './alarm-state.ts';

/** A message that an alarm receives. */
export interface ReceivedAlarmCommand {
  readonly payload: Uint8Array;
  /** Publishes its result to its sender, too; absent if its sender does not ask for that. */
  answer?(payload: Uint8Array): void;
}

export interface AlarmsParts {
  readonly cell: string;
  boot(): number;
  readonly sensors: readonly Pick<SensorConfig, 'name' | 'alarms'>[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds that never jump and continue over restarts. */
  storedNow(): number;
  /** The states of all alarms, available from `start` on. */
  readonly state: Pick<KeyValueStore, 'get'>;
  /** Stores a value; resolves when it is on disk. */
  store(key: string, value: unknown): Promise<void>;
  /** Retained, QoS 1; an empty payload deletes the retained value. */
  publish(topic: string, payload: Uint8Array): void;
  /** Publishes the result of a command, not retained. */
  publishResult(topic: string, payload: Uint8Array): void;
  /** Passes every message of a topic to the receiver until the returned function is called. */
  subscribe(topic: string, receive: (message: ReceivedAlarmCommand) => void): () => void;
}

export interface NamedAlarmStatus extends AlarmStatus {
  readonly sensor: string;
  readonly topic: string;
  /** The topic of the value that it watches. */
  readonly of: string;
  /** The values at which it becomes active: above the high one, below the low one. */
  readonly limits?: { readonly low?: number; readonly high?: number };
}

/** All alarms of the sensors. They get every sample behind the filters, also those that are not published. */
export interface Alarms extends Service {
  applyConfig(sensors: AlarmsParts['sensors']): Promise<void>;
  observe(sensor: string, channel: string, sample: WatchedSample, now: number): void;
  list(): NamedAlarmStatus[];
  /** Carries a command out; resolves with the reason if it is refused. Rejects if there is no such alarm. */
  command(id: string, command: AlarmCommand): Promise<string | undefined>;
  /**
   * Calls back with whether an alarm of `alarm/<name>`, or that of `alarm/<sensor>/<name>`, is active and not shelved: now,
   * and after each change, until the returned function is called.
   */
  follow(alarm: string, apply: (isActive: boolean) => void): () => void;
}

interface Entry {
  readonly sensor: string;
  readonly config: AlarmConfig;
  readonly topic: string;
  readonly alarm: Alarm;
  readonly unsubscribe: () => void;
}

interface Follower {
  readonly alarm: string;
  readonly apply: (isActive: boolean) => void;
  last: boolean | undefined;
}

/** No alarm has this id. */
const TOPICS = '$topics';
const EMPTY = new Uint8Array();

/** Alarms that have not been started. Throws if a topic is invalid. */
export function createAlarms(parts: AlarmsParts): Alarms {
  return new AlarmList(parts);
}

class AlarmList implements Alarms {
  readonly name = 'alarms';
  readonly #parts: AlarmsParts;
  readonly #log: Logger;
  readonly #sequence = new Sequence();
  readonly #followers = new Set<Follower>();
  #entries: readonly Entry[] = [];
  /** The alarms of a sensor. */
  readonly #bySensor = new Map<string, readonly Entry[]>();

  constructor(parts: AlarmsParts) {
    this.#parts = parts;
    this.#log = parts.log.child({ part: 'alarms' });
    for (const [sensor, { name }] of configsOf(parts.sensors)) alarmTopic(parts.cell, sensor, name);
  }

  async start(): Promise<void> {
    await this.applyConfig(this.#parts.sensors);
  }

  async stop(): Promise<void> {
    for (const entry of this.#entries) close(entry);
    this.#use([]);
  }

  async applyConfig(sensors: AlarmsParts['sensors']): Promise<void> {
    const before = this.#entries;
    const created: Entry[] = [];
    const entries = configsOf(sensors).map(([sensor, config]) => {
      const same = before.find(
        (one) => one.sensor === sensor && isDeepStrictEqual(one.config, config),
      );
      if (same) return same;
      const entry = this.#create(sensor, config);
      created.push(entry);
      return entry;
    });
    for (const entry of before) if (!entries.includes(entry)) close(entry);
    this.#use(entries);
    this.#deleteOthers();
    for (const { alarm } of created) alarm.start();
    this.#notifyFollowers();
  }

  readonly observe: Alarms['observe'] = (sensor, channel, sample, now) => {
    const entries = this.#bySensor.get(sensor);
    if (entries === undefined) return;
    for (const { config, alarm } of entries) {
      if ((config.channel ?? '') === channel) alarm.take(sample, now);
    }
  };

  list(): NamedAlarmStatus[] {
    const { cell } = this.#parts;
    return this.#entries.map(({ sensor, topic, config, alarm }) => {
      const limits = limitsOf(config);
      const of = readingTopic(cell, sensor, config.channel ?? '');
      return { sensor, topic, of, ...(limits && { limits }), ...alarm.status() };
    });
  }

  async command(id: string, command: AlarmCommand): Promise<string | undefined> {
    const entry = this.#entries.find((one) => idOf(one) === id);
    if (!entry)
      throw new Error(`there is no alarm "${id}"${didYouMean(id, this.#entries.map(idOf))}`);
    return entry.alarm.command(this.#eventOf(command));
  }

  readonly follow: Alarms['follow'] = (alarm, apply) => {
    const follower: Follower = { alarm, apply, last: undefined };
    this.#followers.add(follower);
    this.#notify(follower);
    return () => this.#followers.delete(follower);
  };

  #create(sensor: string, config: AlarmConfig): Entry {
    const { cell, boot, clock, state, store, publish, storedNow, subscribe } = this.#parts;
    const topic = alarmTopic(cell, sensor, config.name);
    const id = `${sensor}/${config.name}`;
    const alarm = new Alarm(config, storedState(state.get(id)) ?? NORMAL, {
      id,
      clock,
      storedNow,
      log: this.#log,
      store: (next: AlarmState) => store(id, next),
      publish: (status) => {
        const seq = this.#sequence.next(topic);
        publish(topic, Buffer.from(JSON.stringify({ ...status, boot: boot(), seq })));
      },
      changed: () => this.#notifyFollowers(),
    });
    const unsubscribe = subscribe(`${topic}/set`, (message) => {
      void this.#receive(topic, alarm, message);
    });
    return { sensor, config, topic, alarm, unsubscribe };
  }

  async #receive(topic: string, alarm: Alarm, message: ReceivedAlarmCommand): Promise<void> {
    const parsed = parseAlarmCommand(message.payload);
    if (parsed === undefined) return;
    const reason =
      'refused' in parsed ? parsed.refused : await alarm.command(this.#eventOf(parsed.command));
    const named = parsed.id === undefined ? {} : { id: parsed.id };
    const result = reason === undefined ? { ...named, ok: true } : { ...named, ok: false, reason };
    const payload = Buffer.from(JSON.stringify(result));
    this.#parts.publishResult(`${topic}/result`, payload);
    message.answer?.(payload);
  }

  #eventOf(command: AlarmCommand): AlarmEvent {
    const { clock, storedNow } = this.#parts;
    const { by = 'a client' } = command;
    switch (command.do) {
      case 'acknowledge':
        return { event: 'acknowledge', by, at: clock.wall() };
      case 'shelve':
        return { event: 'shelve', until: storedNow() + command.forMs };
      case 'unshelve':
        return { event: 'unshelve' };
    }
  }

  #use(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.#bySensor.clear();
    for (const entry of entries) {
      const { sensor } = entry;
      this.#bySensor.set(sensor, [...(this.#bySensor.get(sensor) ?? []), entry]);
    }
  }

  /** Deletes the retained values and states of alarms that are not in the config, also of those from before the restart. */
  #deleteOthers(): void {
    const { state, publish } = this.#parts;
    const topics = Object.fromEntries(this.#entries.map((one) => [one.topic, idOf(one)]));
    const before = state.get(TOPICS);
    if (typeof before === 'object' && before !== null) {
      for (const [topic, id] of Object.entries(before)) {
        if (topic in topics) continue;
        publish(topic, EMPTY);
        this.#storeLater(String(id), null);
      }
    }
    if (!isDeepStrictEqual(before, topics)) this.#storeLater(TOPICS, topics);
  }

  #storeLater(key: string, value: unknown): void {
    this.#parts.store(key, value).catch((err: unknown) => {
      this.#log.error({ err, key }, 'alarms: their list could not be stored');
    });
  }

  #notifyFollowers(): void {
    for (const follower of this.#followers) this.#notify(follower);
  }

  #notify(follower: Follower): void {
    const isActive = this.#entries.some((one) => isMeant(follower.alarm, one) && one.alarm.isShown);
    if (isActive === follower.last) return;
    follower.last = isActive;
    follower.apply(isActive);
  }
}

function configsOf(sensors: AlarmsParts['sensors']): (readonly [string, AlarmConfig])[] {
  return sensors.flatMap(({ name, alarms = [] }) => alarms.map((one) => [name, one] as const));
}

function idOf({ sensor, config }: Pick<Entry, 'sensor' | 'config'>): string {
  return `${sensor}/${config.name}`;
}

function isMeant(followed: string, entry: Pick<Entry, 'sensor' | 'config'>): boolean {
  return followed === `alarm/${entry.config.name}` || followed === `alarm/${idOf(entry)}`;
}

function close({ alarm, unsubscribe }: Entry): void {
  unsubscribe();
  alarm.close();
}

function limitsOf({ above, below, outside }: AlarmConfig): NamedAlarmStatus['limits'] {
  if (above !== undefined) return { high: above };
  if (below !== undefined) return { low: below };
  return outside && { low: outside[0], high: outside[1] };
}
