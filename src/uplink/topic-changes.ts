import { randomBytes } from 'node:crypto';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantConnection } from './plant-client.ts';
import { shownTopic, TopicList } from './topic-list.ts';

/** Messages through the plant to the gateway itself, on the present connection. */
export interface ProbedTopics {
  /** Topics below it are used for nothing else. */
  readonly topic: string;
  /** Resolves with whether a message on the topic comes back. */
  comesBack(topic: string): Promise<boolean>;
}

type CheckedPlant = Pick<
  PlantConnection,
  'url' | 'isDown' | 'protocol' | 'subscribe' | 'unsubscribe'
>;

/** How often the check is tried at an address, until it has found a change: its message may be late, or the connection end. */
const TRIES = 3;
/** Levels of an AMQP routing key are separated by points, and `*` is the wildcard for one level. */
const CHANGED = /[.*]/;

/** The topic under which RabbitMQ delivers a message: it keeps messages under the routing keys of AMQP. */
export function changedTopic(topic: string): string {
  return topic.replaceAll('.', '/').replaceAll('*', '+');
}

/**
 * Finds out whether the plant delivers messages under other topics than those they were published on, and names these
 * topics. RabbitMQ does that without a report. Nothing is checked before a topic has a character that is changed.
 *
 * The check is a subscription below the topic of the probe, with a point and `*` in its filter, and a message on a topic
 * without them. Only a plant that changes them brings it back. A plant that takes no such filter refuses it: unlike a
 * message that it does not take, that never ends the connection.
 */
export class TopicChanges {
  readonly #config: Pick<UplinkConfig, 'probe'>;
  readonly #topics = new TopicList();
  /** The addresses at which the plant was seen to do that, in this run. */
  readonly #found = new Set<string>();
  readonly #tries = new Map<string, number>();
  #isAsking = false;
  #plant: CheckedPlant | undefined;
  #probes: ProbedTopics | undefined;
  #reporter: ((sentence: string | false) => void) | undefined;

  constructor(config: Pick<UplinkConfig, 'probe' | 'in' | 'status'>) {
    this.#config = config;
    this.restart(config);
  }

  /** Forgets the topics: those of the present routes will be noted. */
  restart(config: Pick<UplinkConfig, 'in' | 'status'>): void {
    this.#topics.clear();
    this.#reporter?.(false);
    for (const topic of [config.status, ...config.in.map((route) => route.in)]) this.note(topic);
  }

  /** A topic that is used at the plant. */
  note(topic: string): void {
    if (!CHANGED.test(topic) || !this.#topics.add(topic, 0)) return;
    this.#run();
  }

  /** Messages flow on a connection; `report` gets what the plant changes, or `false` for nothing. */
  proven(
    plant: CheckedPlant,
    probes: ProbedTopics,
    report: (sentence: string | false) => void,
  ): void {
    if (plant === this.#plant) return;
    [this.#plant, this.#probes, this.#reporter] = [plant, probes, report];
    this.#run();
  }

  /** A message has come back under a changed topic: the plant need not be checked. */
  seen(): void {
    if (this.#plant) this.#found.add(this.#plant.url);
    this.#report();
  }

  #run(): void {
    const plant = this.#plant;
    const probes = this.#probes;
    if (!plant || !probes || plant.isDown || this.#topics.size === 0) return;
    const { url } = plant;
    if (this.#found.has(url)) return this.#report();
    const tries = this.#tries.get(url) ?? 0;
    // A bridge does not get its own messages back.
    if (this.#isAsking || tries >= TRIES || this.#config.probe === 0 || plant.protocol.bridge)
      return;
    this.#tries.set(url, tries + 1);
    this.#isAsking = true;
    void this.#ask(plant, probes).finally(() => {
      this.#isAsking = false;
      this.#report();
    });
  }

  async #ask(plant: CheckedPlant, probes: ProbedTopics): Promise<void> {
    // Always the same: what is left of a connection that ends meanwhile is removed by the next check.
    const filter = `${probes.topic}/*.names`;
    const wanted = { filter, qos: 0, noLocal: false, keepRetain: false } as const;
    try {
      const refused = await plant.subscribe([wanted]);
      if (plant.isDown || refused.length > 0) return;
      const topic = `${probes.topic}/${randomBytes(4).toString('hex')}/names`;
      if (await probes.comesBack(topic)) this.#found.add(plant.url);
      if (!plant.isDown) await plant.unsubscribe([filter]);
    } catch {
      // The connection has ended, which is reported elsewhere.
    }
  }

  #report(): void {
    const { url, isDown } = this.#plant ?? { url: '', isDown: true };
    if (isDown || !this.#found.has(url) || this.#topics.size === 0) return;
    this.#reporter?.(this.#sentence(url));
  }

  #sentence(url: string): string {
    const names = this.#topics.named(
      (topic) => `${shownTopic(topic)} becomes ${shownTopic(changedTopic(topic))}`,
    );
    return `${url} changes topics, "." to "/" and "*" to "+": ${names}`;
  }
}
