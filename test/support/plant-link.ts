import { onTestFinished } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { completeUplink, uplinkSchema } from '../../src/config/schema/uplinks.ts';
import type { UplinkStatus } from '../../src/uplink/uplink.ts';
import { createUplinks } from '../../src/uplink/uplinks.ts';
import { startBroker } from './broker.ts';
import { createQuietLog } from './quiet-log.ts';
import { until } from './until.ts';

/** A broker with one uplink, in this process. */
export interface PlantLink {
  readonly status: UplinkStatus;
  /** Publishes on `up/x`; resolves when it is on disk for the plant. */
  publish(payload: string): Promise<void>;
  /** Messages of the plant that came in, as `topic payload`. */
  readonly received: readonly string[];
  /** The uplink gets other settings. */
  applyConfig(over: object): Promise<void>;
  /** Resolves when messages flow and nothing is wrong; within 30 s by default. */
  connected(withinMs?: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one on a data folder; `over` are its keys of the config, which has no routes. */
export async function startPlantLink(
  folder: string,
  over: object,
  clock: Clock = systemClock,
): Promise<PlantLink> {
  const { broker, store, faults, stop: stopBroker } = await startBroker(folder);
  const configOf = (keys: object) => [
    completeUplink(
      uplinkSchema.parse({ name: 'plant', reconnectMax: '1s', keepalive: '5s', ...keys }),
      'cell',
    ),
  ];
  const { log } = createQuietLog();
  const parts = { cell: 'cell', store, broker, faults, clock, log, random: () => 0 };
  const uplinks = createUplinks(parts, configOf(over));
  const received: string[] = [];
  broker.subscribeLocal('#', ({ topic, payload }) => {
    if (!/^(\$SYS|up)\//.test(topic)) received.push(`${topic} ${Buffer.from(payload)}`);
  });
  await uplinks.outboxes.start();
  await uplinks.connections.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= uplinks.connections
      .stop()
      .then(() => uplinks.outboxes.stop())
      .then(stopBroker);
    return stopped;
  };
  onTestFinished(stop);
  return {
    get status() {
      return uplinks.all()[0]!.status;
    },
    publish: (payload) =>
      broker.publishLocal({ topic: 'up/x', payload: Buffer.from(payload), qos: 2, retain: false }),
    received,
    applyConfig: (keys) => uplinks.applyConfig(configOf({ ...over, ...keys })),
    connected: (withinMs = 30_000) =>
      until(
        'messages flow and nothing is wrong',
        () => {
          const { state, reason } = uplinks.all()[0]!.status;
          return state === 'connected' && reason === null;
        },
        withinMs,
      ),
    stop,
  };
}
