import { isDeepStrictEqual } from 'node:util';
import type { Service } from '../base/lifecycle.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { Uplink, type UplinkParts } from './uplink.ts';

/** All uplinks as two services: the outboxes start before the broker accepts messages, the connections after. */
export interface Uplinks {
  readonly outboxes: Service;
  readonly connections: Service;
  /** The uplinks of the current config. */
  all(): readonly Uplink[];
  /** Applies another config. An uplink with unchanged settings is not changed. */
  applyConfig(configs: readonly UplinkConfig[]): Promise<void>;
}

export function createUplinks(
  parts: Omit<UplinkParts, 'config'>,
  first: readonly UplinkConfig[],
): Uplinks {
  let connected = false;
  const onConnected = (): void => {
    const any = all().some(({ status }) => status.state === 'connected');
    if (any !== connected) parts.onConnected?.(any);
    connected = any;
  };
  let configs = first;
  const create = (config: UplinkConfig): Uplink => new Uplink({ ...parts, onConnected, config });
  /** An uplink that was removed from the config is kept: only it has the numbers of its queues on disk. */
  const known = new Map(first.map((config) => [config.name, create(config)]));
  const all = (): readonly Uplink[] => configs.map(({ name }) => known.get(name)!);
  const outboxes: Service = {
    name: 'outboxes',
    async start() {
      for (const uplink of known.values()) uplink.open();
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
    troubles: () => all().flatMap((uplink) => uplink.trouble() ?? []),
  };
  const applyConfig = async (next: readonly UplinkConfig[]): Promise<void> => {
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
        if (!former) uplink.connect();
      }
    }
    onConnected();
  };
  return { outboxes, connections, all, applyConfig };
}
