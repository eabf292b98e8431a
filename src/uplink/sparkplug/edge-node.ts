import type { Clock } from '../../base/clock.ts';
import type { KeyValueStore } from '../../base/state.ts';
import type { LocalMessage } from '../../broker/messages/local-message.ts';
import type { UplinkConfig } from '../../config/schema/uplinks.ts';
import { type QueueEntry, topicOf } from '../../queue/queue-entry.ts';
import type { PlantConnection } from '../plant-client.ts';
import type { Outgoing, PlantForm } from '../plant-form.ts';
import type { Sender } from '../sender.ts';
import { Births, type BirthsParts } from './births.ts';
import { EdgeSession } from './edge-session.ts';
import { HostCommands } from './host-commands.ts';
import { deathPayload, topicOfType } from './message-frames.ts';

type Sparkplug = NonNullable<UplinkConfig['sparkplug']>;

export interface EdgeNodeParts extends Omit<BirthsParts, 'wall' | 'monotonic'> {
  readonly config: Pick<UplinkConfig, 'urls'> & { readonly sparkplug: Sparkplug };
  readonly clock: Clock;
  sender(): Sender;
  /** Values that survive a restart; not used before the first connection. */
  state(): KeyValueStore;
  /** Stores a value; resolves when it is on disk. */
  keep(key: string, value: unknown): Promise<void>;
  /** Milliseconds that never jump and continue over restarts. */
  storedNow(): number;
  /** Publishes here; resolves when it is on disk. */
  publish(message: LocalMessage): Promise<void>;
  /** A command that is not carried out, with its reason. */
  refused(sentence: string): void;
}

/** How the uplink's connection shows what the node waits for. */
export interface EdgeEvents {
  /** The births have arrived at the plant: messages flow. */
  proven(): void;
  /** Nothing is sent because of this. */
  waiting(sentence: string): void;
  /** Filters that the plant refuses; `false` if none. */
  report(sentence: string | false): void;
  /** A packet could not be written. */
  failed(error: unknown): void;
}

const BD_SEQ_KEY = 'bdSeq';

/** A will, as it is in CONNECT. */
export interface EdgeWill {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 1;
  readonly retain: false;
}

/** The edge node of an uplink: its certificates and numbers, and the form of its messages. */
export class EdgeNode implements PlantForm {
  readonly #parts: EdgeNodeParts;
  readonly #births: Births;
  readonly #commands: HostCommands;
  #session: EdgeSession | undefined;
  /** The number of the next CONNECT, while none was sent with it; undefined before the first and after each CONNECT. */
  #unused: number | undefined;
  #bdSeq = 0;
  #leftForHost = false;

  constructor(parts: EdgeNodeParts) {
    this.#parts = parts;
    const { clock, publish, refused } = parts;
    const { wall, monotonic } = clock;
    this.#births = new Births({ ...parts, wall, monotonic });
    this.#commands = new HostCommands({
      ...{ metrics: this.#births.metrics, publish, refused },
      rebirth: () => this.#session?.rebirth(),
    });
  }

  /** Whether the topic is that of a metric. */
  takes(topic: string): boolean {
    return this.#births.metrics.get(topic) !== undefined;
  }

  /** Before each CONNECT: resolves when the number of its will is on disk. */
  async prepare(): Promise<void> {
    if (this.#unused === undefined) {
      const last = this.#parts.state().get(BD_SEQ_KEY);
      this.#unused = Number.isSafeInteger(last) ? ((last as number) + 1) % 256 : 0;
      await this.#parts.keep(BD_SEQ_KEY, this.#unused);
    }
    this.#bdSeq = this.#unused;
  }

  get will(): EdgeWill {
    const { config, clock } = this.#parts;
    const topic = topicOfType(config.sparkplug, 'NDEATH');
    return { topic, payload: deathPayload(this.#bdSeq, clock.wall()), qos: 1, retain: false };
  }

  /** A connection is made. Resolves when the node has sent its births, or waits for its host. */
  async up(plant: PlantConnection, events: EdgeEvents): Promise<void> {
    const { config, clock, storedNow, sender } = this.#parts;
    this.#unused = undefined;
    this.#session = new EdgeSession({
      ...{ plant, events, config, clock, storedNow },
      ...{ births: this.#births, commands: this.#commands, sender: sender() },
      bdSeq: this.#bdSeq,
      death: () => this.will,
    });
    await this.#session.begin();
  }

  /** The connection has ended; `wasConnecting` if a CONNECT may have been sent. */
  down(wasConnecting: boolean): void {
    if (wasConnecting) this.#unused = undefined;
    this.#leftForHost = this.#session?.leftForHost ?? false;
    this.#session?.end();
    this.#session = undefined;
  }

  /** Whether the last connection ended because the host is offline there. */
  get leftForHost(): boolean {
    return this.#leftForHost;
  }

  /** A message of the plant; resolves when what it commands is on disk. */
  async receive(topic: string, payload: Buffer, retain: boolean): Promise<void> {
    await this.#session?.receive(topic, payload, retain);
  }

  /** The plant has answered the ping behind the last messages. */
  answered(): void {
    this.#session?.answered();
  }

  /** Publishes NDEATH and ends the connection; resolves when it has ended, after 1 s at most. */
  async offline(sentence: string): Promise<void> {
    await this.#session?.leave(sentence);
  }

  /** The config has changed: other metrics are born. */
  applyConfig(): void {
    this.#session?.metricsChanged();
    if (!this.#session) this.#births.update(undefined);
  }

  encode(entry: QueueEntry, packetId: number, body: Buffer, start: number): Outgoing {
    const metric = this.#births.metrics.get(topicOf(entry));
    const session = this.#session;
    if (!metric || !session)
      return { kind: 'refused', reason: 'no metric has this topic any more' };
    return session.encode(metric, entry, packetId, body, start);
  }
}
