import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantConnection, PlantSubscription } from './plant-client.ts';
import type { PlantSessions } from './plant-sessions.ts';
import type { PlantProtocol } from './protocol-choice.ts';
import { SessionProof } from './session-proof.ts';

/** The functions of a connection to the plant that the subscriptions need. */
export type SubscribingClient = Pick<
  PlantConnection,
  'url' | 'isDown' | 'protocol' | 'subscribe' | 'unsubscribe'
>;

export interface PlantSubscriptionsParts {
  readonly config: Pick<UplinkConfig, 'in' | 'probe'>;
  readonly probeTopic: string;
  readonly sessions: PlantSessions;
  /** Resolves with whether a message on the topic comes back on the present connection. */
  comesBack(topic: string): Promise<boolean>;
  /** The reason why a subscription is refused; `false` if none is. */
  report(of: 'routes' | 'probe', sentence: string | false): void;
}

/**
 * The subscriptions at the plant: the filters of the `in` routes, and the topic of the probe. With MQTT 5 all are
 * requested on every connection. With MQTT 3.1.1 this would bring all retained messages again: there they are requested
 * only if it is not certain that the session has them.
 */
export class PlantSubscriptions {
  readonly #parts: PlantSubscriptionsParts;
  readonly #proof: SessionProof;
  /** Filters that the plant refused at the last request. */
  #denied: readonly string[] = [];

  constructor(parts: PlantSubscriptionsParts) {
    this.#parts = parts;
    this.#proof = new SessionProof(parts);
  }

  /** Subscribes on a new connection; `present` if the plant has kept the session. Rejects if it does not answer. */
  async subscribe(plant: SubscribingClient, present: boolean): Promise<void> {
    const { config, probeTopic, sessions } = this.#parts;
    const { url } = plant;
    const filters = config.in.map((route) => route.in);
    const held = present && plant.protocol.version === 4 ? await this.#held(plant) : [];
    if (plant.isDown) return;
    const known = sessions.of(url);
    const former = known.asked.filter(
      (filter) => !filters.includes(filter) && (held.length === 0 || filter !== known.proof),
    );
    const granted = known.granted.filter((each) => held.includes(filterOf(each)));
    const kept = held.length > 0 ? { granted } : { granted, proof: '', proven: false };
    sessions.set(url, { ...known, asked: [...without(known.asked, filters), ...filters], ...kept });
    // An older session may come back too: what has left the config is never forgotten.
    if (present) await plant.unsubscribe(former);
    if (plant.isDown) return;
    const ofProofs = former.filter((filter) => filter.startsWith(`${probeTopic}/`));
    sessions.set(url, { ...sessions.of(url), asked: without(sessions.of(url).asked, ofProofs) });
    const wanted = without(filters, held);
    await this.#request(plant, [...(config.probe > 0 ? [probeTopic] : []), ...wanted]);
  }

  /** Whether the plant sends the probe's messages back to the gateway. */
  get hasProbe(): boolean {
    const { config, probeTopic } = this.#parts;
    return config.probe > 0 && !this.#denied.includes(probeTopic);
  }

  /** Subscribes again to refused filters: rights at the plant may change during the connection. */
  async retryDenied(plant: SubscribingClient): Promise<void> {
    if (this.#denied.length > 0) await this.#request(plant, this.#denied);
  }

  /** The filters that the session has for certain, with the QoS of the config. */
  async #held({ url, protocol }: SubscribingClient): Promise<string[]> {
    const { config, sessions } = this.#parts;
    if (config.in.length === 0 || !(await this.#proof.holds(url, protocol))) return [];
    const { granted } = sessions.of(url);
    return config.in
      .filter((each) => granted.includes(grant(each.in, each.qos, protocol)))
      .map((each) => each.in);
  }

  async #request(plant: SubscribingClient, filters: readonly string[]): Promise<void> {
    const { config, probeTopic, report, sessions } = this.#parts;
    const wanted = filters.map((filter): PlantSubscription => {
      const route = config.in.find((one) => one.in === filter);
      if (!route) return { filter, qos: 0, noLocal: false, keepRetain: false };
      return { filter, qos: route.qos, noLocal: true, keepRetain: route.retain === 'keep' };
    });
    const refused = await plant.subscribe(wanted);
    if (plant.isDown) return;
    const routes = refused.filter((filter) => filter !== probeTopic);
    report('routes', routes.length > 0 && `${plant.url} refuses to send ${routes.join(', ')}`);
    const noProbe = refused.includes(probeTopic);
    report('probe', noProbe && `${plant.url} refuses the probe on ${probeTopic}`);
    this.#denied = refused;
    const granted = wanted
      .filter(({ filter }) => filter !== probeTopic && !refused.includes(filter))
      .map(({ filter, qos }) => grant(filter, qos, plant.protocol));
    if (plant.protocol.version === 5 || granted.length === 0) return;
    const known = sessions.of(plant.url);
    sessions.set(plant.url, {
      ...known,
      granted: [...without(known.granted, granted), ...granted],
    });
    // Later: the messages of the routes do not wait for it. A connection that is lost meanwhile is reported elsewhere.
    this.#proof.renew(plant).catch(() => undefined);
  }
}

/** The broker keeps other options for a bridge: what it has granted to one does not count for another client. */
function grant(filter: string, qos: number, { bridge }: PlantProtocol): string {
  return `${filter} ${qos}${bridge ? 'b' : ''}`;
}

function filterOf(granted: string): string {
  return granted.slice(0, granted.lastIndexOf(' '));
}

function without(filters: readonly string[], others: readonly string[]): string[] {
  return filters.filter((filter) => !others.includes(filter));
}
