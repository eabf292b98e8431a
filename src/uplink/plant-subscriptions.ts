import type { KeyValueStore } from '../base/state.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { PlantConnection, PlantSubscription } from './plant-client.ts';

/** The functions of a connection to the plant that the subscriptions need. */
export type SubscribingClient = Pick<
  PlantConnection,
  'url' | 'isDown' | 'subscribe' | 'unsubscribe'
>;

export interface PlantSubscriptionsParts {
  readonly config: Pick<UplinkConfig, 'in' | 'probe'>;
  readonly probeTopic: string;
  /** What the gateway knows about the session at the plant. */
  state(): KeyValueStore;
  /** The reason why a subscription is refused; `false` if none is. */
  report(of: 'routes' | 'probe', sentence: string | false): void;
}

/** Key of the stored filters that the session at the plant has, or may have. */
const SUBSCRIBED = 'subscribed';

/** The subscriptions at the plant: the filters of the `in` routes, and the topic of the probe. */
export class PlantSubscriptions {
  readonly #parts: PlantSubscriptionsParts;
  /** Filters that the plant refused at the last request. */
  #denied: readonly string[] = [];
  /** Whether the filters were subscribed in a session that the plant may still have. */
  #subscribed = false;

  constructor(parts: PlantSubscriptionsParts) {
    this.#parts = parts;
  }

  /** Subscribes on a new connection. Rejects if the plant does not answer. */
  async subscribe(plant: SubscribingClient, resumed: boolean): Promise<void> {
    const { config, probeTopic, state } = this.#parts;
    const filters = config.in.map((route) => route.in);
    if (resumed) await this.#unsubscribeOthers(plant, filters);
    // The session has the other filters already: subscribing again would send their retained messages again.
    const kept = resumed && this.#subscribed;
    const wanted = filters.filter((filter) => !kept || this.#denied.includes(filter));
    await this.#request(plant, [...(config.probe > 0 ? [probeTopic] : []), ...wanted]);
    if (plant.isDown) return;
    state().set(SUBSCRIBED, filters);
    this.#subscribed = true;
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

  async #request(plant: SubscribingClient, filters: readonly string[]): Promise<void> {
    const { config, probeTopic, report } = this.#parts;
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
  }

  /** The session at the plant may be older than the config: filters without a route are unsubscribed. */
  async #unsubscribeOthers(plant: SubscribingClient, filters: readonly string[]): Promise<void> {
    const before = this.#parts.state().get(SUBSCRIBED);
    if (!Array.isArray(before)) return;
    await plant.unsubscribe(before.filter((filter) => !filters.includes(filter)));
  }
}
