import type { Clock } from '../base/clock.ts';
import type { Broker } from '../broker/broker.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { matches } from '../mqtt/topics.ts';
import type { Store } from '../store/store.ts';
import type { Sender } from './sender.ts';
import { EdgeNode } from './sparkplug/edge-node.ts';
import type { MetricDefinition } from './sparkplug/metrics.ts';

export interface UplinkEdgeParts {
  readonly store: Store;
  readonly broker: Broker;
  readonly clock: Clock;
  correct?: ((payload: Buffer) => Buffer | undefined) | undefined;
  /** The values of the cell in the present config. */
  metrics?: (() => readonly MetricDefinition[]) | undefined;
  /** The settings in force. */
  config(): UplinkConfig;
  sender(): Sender;
  /** A command that is not carried out, with its reason. */
  refused(sentence: string): void;
}

/** The edge node that the config of an uplink asks for. */
export function createUplinkEdge(parts: UplinkEdgeParts): EdgeNode | undefined {
  const { store, broker, metrics = () => [], config } = parts;
  const { name, sparkplug, urls } = config();
  if (!sparkplug) return undefined;
  const owner = `$uplink/${name}`;
  // Sparkplug has no answers.
  const access = { rights: { maySubscribe: () => false } };
  const host = { session: undefined, access, uplink: name };
  return new EdgeNode({
    ...parts,
    config: { sparkplug, urls },
    definitions: () =>
      metrics().filter(({ topic }) => config().out.some(({ out }) => matches(out, topic))),
    current: (topic) => broker.retainedPayload(topic),
    state: () => store.state.of(owner),
    keep: (key, value) => store.state.setDurably(owner, key, value),
    storedNow: () => store.storedClock.now(),
    publish: (message) => broker.publishLocal({ ...message, requester: host }),
  });
}
