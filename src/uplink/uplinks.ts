import { isDeepStrictEqual } from 'node:util';
import type { Service } from '../base/lifecycle.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { MetricDefinition } from './sparkplug/metrics.ts';
import { describeUnclaimed, StoredQueues, type Unclaimed } from './stored-queues.ts';
import { Uplink, type UplinkParts } from './uplink.ts';

/** An uplink whose queued messages can be deleted. */
interface PurgeableUplink {
  readonly name: string;
  readonly status: { readonly inFlight: number };
  purge(report: ReportShare): Promise<number>;
}

/** All uplinks as two services: the outboxes start before the broker accepts messages, the connections after. */
export interface Uplinks {
  readonly outboxes: Service;
  readonly connections: Service;
  /** The uplinks of the current config. */
  all(): readonly Uplink[];
  /** Those that have messages: of the config, removed ones, and those whose queues the last run has left. */
  purgeable(): readonly PurgeableUplink[];
  /** Applies another config. An uplink with unchanged settings is not changed. No message is lost until `configApplied`. */
  applyConfig(
    configs: readonly UplinkConfig[],
    metrics?: readonly MetricDefinition[],
  ): Promise<void>;
  /** The config of the last `applyConfig` stays: what can't be undone. */
  configApplied(): void;
}

export function createUplinks(
  parts: Omit<UplinkParts, 'config' | 'metrics'>,
  first: readonly UplinkConfig[],
  firstMetrics: readonly MetricDefinition[] = [],
): Uplinks {
  let metrics = firstMetrics;
  let connected = false;
  const onConnected = (): void => {
    const any = all().some(({ status }) => status.state === 'connected');
    if (any !== connected) parts.onConnected?.(any);
    connected = any;
  };
  let configs = first;
  let left = new StoredQueues([], () => undefined);
  const create = (config: UplinkConfig): Uplink => {
    const stored = () => left.take(config.name);
    return new Uplink({ ...parts, onConnected, stored, config, metrics: () => metrics });
  };
  /** An uplink that was removed from the config is kept while it has messages: only it has the numbers of its queues on disk. */
  const known = new Map(first.map((config) => [config.name, create(config)]));
  const all = (): readonly Uplink[] => configs.flatMap(({ name }) => known.get(name) ?? []);
  const outboxes: Service = {
    name: 'outboxes',
    async start() {
      const { store } = parts;
      const end = (key: number): void => store.journal.add(['endSession', key]);
      left = new StoredQueues(store.recovered.sessions, end);
      for (const uplink of known.values()) uplink.open();
      left.endEmpty();
    },
    async stop() {
      for (const uplink of known.values()) uplink.close();
    },
  };
  const connections: Service = {
    name: 'uplinks',
    async start() {
      for (const uplink of known.values()) uplink.connect();
    },
    async stop() {
      await Promise.all(all().map((uplink) => uplink.disconnect()));
    },
    failures: () => all().flatMap((uplink) => uplink.failures()),
    troubles: () => [describeUnclaimed(unclaimedOf(removed(), left)) ?? []].flat(),
  };
  const removed = (): Uplink[] => {
    const names = new Set(configs.map(({ name }) => name));
    return [...known.values()].filter(({ name }) => !names.has(name));
  };
  const purgeable = () => [...known.values(), ...leftOnes(left)];
  const configApplied = (): void => {
    for (const uplink of known.values()) uplink.configApplied();
    for (const uplink of removed()) {
      if (!uplink.isEmpty) continue;
      uplink.close();
      known.delete(uplink.name);
    }
  };
  const applyConfig: Uplinks['applyConfig'] = async (next, nextMetrics = metrics) => {
    metrics = nextMetrics;
    const before = new Map(configs.map((config) => [config.name, config]));
    const names = new Set(next.map(({ name }) => name));
    configs = next;
    for (const [name, uplink] of known) {
      if (before.has(name) && !names.has(name)) await uplink.park();
    }
    for (const config of next) {
      const uplink = known.get(config.name);
      const former = before.get(config.name);
      if (!uplink) {
        const added = create(config);
        known.set(config.name, added);
        added.open();
        added.connect();
      } else if (!isDeepStrictEqual(former, config)) {
        await uplink.applyConfig(config);
      }
    }
    for (const uplink of known.values()) uplink.metricsChanged();
    onConnected();
  };
  return { outboxes, connections, all, purgeable, applyConfig, configApplied };
}

/** The queued messages for uplinks that are not in the config. */
function unclaimedOf(removed: readonly Uplink[], left: StoredQueues): Unclaimed[] {
  const parked = removed.map(({ name, status }) => ({ uplink: name, messages: status.queued }));
  return [...parked, ...left.unclaimed].filter(({ messages }) => messages > 0);
}

function leftOnes(left: StoredQueues): ReturnType<Uplinks['purgeable']> {
  const purge = (name: string) => async () => left.purge(name);
  return left.unclaimed.map(({ uplink: name }) => ({
    name,
    status: { inFlight: 0 },
    purge: purge(name),
  }));
}
