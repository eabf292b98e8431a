import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import type { Config } from '../config/schema/schema.ts';
import type { Described } from './components.ts';
import { type Discovery, discoveryOf, type Platforms } from './discovery.ts';

type Settings = Described & Pick<Config, 'homeAssistant'>;

export interface HomeAssistantParts {
  readonly config: Settings;
  readonly version: string;
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  /** What was published last, over restarts; available from `start` on. `set` is on disk together with what is published in the same turn. */
  readonly published: { get(): unknown; set(value: unknown): void };
  /** At QoS 1; an empty retained payload deletes the retained message. */
  publish(topic: string, payload: Uint8Array, retain: boolean): void;
  /** The payload of the topic's retained message. */
  retained(topic: string): Buffer | undefined;
  subscribe(
    topic: string,
    receive: (message: { readonly payload: Uint8Array }) => void,
  ): () => void;
}

/** What is in the broker and what Home Assistant may still have. */
interface Published {
  readonly topic: string;
  readonly platforms: Platforms;
  /** Entities that were removed since Home Assistant came online last: it may not have received that. */
  readonly removed: Platforms;
}

/** Where Home Assistant says by default that it is online. */
const BIRTH_TOPIC = 'homeassistant/status';
/** A message of thousands of entities is not repeated more often, however often a client says `online`. */
const REPEAT_MS = 10_000;
/** Entities that are remembered as removed, the latest. */
const MOST_REMOVED = 10_000;

/**
 * Describes the cell to Home Assistant in one retained message, so that sensors, outputs and alarms appear there. What the
 * config has lost is removed there, also after a restart and when the whole key has gone.
 */
export class HomeAssistant implements Service {
  readonly name = 'home assistant';
  readonly #parts: HomeAssistantParts;
  #config: Settings;
  #unsubscribes: readonly (() => void)[] = [];
  #repeatedAt = -Infinity;
  #cancelRepeat: (() => void) | undefined;

  constructor(parts: HomeAssistantParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  async start(): Promise<void> {
    this.configApplied();
  }

  async stop(): Promise<void> {
    this.#forgetRepeat();
    this.#unsubscribeAll();
  }

  /** Only keeps the config: what Home Assistant has removed can't be undone. */
  async applyConfig(config: Settings): Promise<void> {
    this.#config = config;
  }

  /** Publishes what differs from the last time. */
  configApplied(): void {
    const { version, retained, publish } = this.#parts;
    const discovery = discoveryOf(this.#config, version);
    const before = publishedBefore(this.#parts.published.get());
    if (before && before.topic !== discovery?.topic) publish(before.topic, new Uint8Array(), true);
    if (discovery) {
      const removed = removedSince(before, discovery);
      const isNew = Object.keys(removed).some((id) => !(id in (before?.removed ?? {})));
      const payload = discovery.payload();
      if (isNew) publish(discovery.topic, discovery.payload(removed), false);
      if (isNew || !retained(discovery.topic)?.equals(payload)) {
        publish(discovery.topic, payload, true);
      }
      this.#keep(before, discovery, removed);
    } else if (before) this.#parts.published.set(null);
    this.#subscribe();
  }

  #keep(before: Published | undefined, discovery: Discovery, removed: Platforms): void {
    const { topic, platforms } = discovery;
    const after: Published = { topic, platforms, removed };
    if (!isDeepStrictEqual(before, after)) this.#parts.published.set(after);
  }

  #subscribe(): void {
    this.#unsubscribeAll();
    const { homeAssistant } = this.#config;
    if (homeAssistant === undefined) {
      this.#forgetRepeat();
      return;
    }
    const topics = new Set([BIRTH_TOPIC, `${homeAssistant.prefix}/status`]);
    this.#unsubscribes = [...topics].map((topic) =>
      this.#parts.subscribe(topic, ({ payload }) => {
        if (Buffer.from(payload).toString() === 'online') this.#repeatSoon();
      }),
    );
  }

  #repeatSoon(): void {
    if (this.#cancelRepeat) return;
    const { clock } = this.#parts;
    const wait = this.#repeatedAt + REPEAT_MS - clock.monotonic();
    if (wait <= 0) this.#repeat();
    else this.#cancelRepeat = clock.after(wait, () => this.#repeat());
  }

  /** Home Assistant has come online: it gets the removed entities once more, then the description. */
  #repeat(): void {
    this.#cancelRepeat = undefined;
    this.#repeatedAt = this.#parts.clock.monotonic();
    const { version, publish, published } = this.#parts;
    const discovery = discoveryOf(this.#config, version);
    if (!discovery) return;
    const before = publishedBefore(published.get());
    const removed = before?.topic === discovery.topic ? before.removed : {};
    if (Object.keys(removed).length > 0) {
      publish(discovery.topic, discovery.payload(removed), false);
    }
    publish(discovery.topic, discovery.payload(), true);
    this.#keep(before, discovery, {});
  }

  #forgetRepeat(): void {
    this.#cancelRepeat?.();
    this.#cancelRepeat = undefined;
  }

  #unsubscribeAll(): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    this.#unsubscribes = [];
  }
}

/** Entities that Home Assistant may have from the same topic, and that are not described any more, or by another platform. */
function removedSince(before: Published | undefined, { topic, platforms }: Discovery): Platforms {
  if (before?.topic !== topic) return {};
  const gone = Object.entries({ ...before.removed, ...before.platforms }).filter(
    ([id, platform]) => platforms[id] !== platform,
  );
  return Object.fromEntries(gone.slice(-MOST_REMOVED));
}

/** What was stored, if it has its form: it may be from another version. */
function publishedBefore(value: unknown): Published | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { topic, platforms, removed } = value as Readonly<Record<keyof Published, unknown>>;
  if (typeof topic !== 'string' || topic === '') return undefined;
  return { topic, platforms: textsOf(platforms), removed: textsOf(removed) };
}

function textsOf(value: unknown): Platforms {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, one]) => typeof one === 'string'));
}
