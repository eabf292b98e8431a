import type { IPublishPacket } from 'mqtt';
import type { Clock } from '../base/clock.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { describeEnding } from './failures.ts';
import type { OpenPlant, PlantConnection } from './plant-client.ts';
import type { PlantClientEvents } from './plant-client-events.ts';
import type { PlantProbes } from './plant-probes.ts';
import type { PlantSessions } from './plant-sessions.ts';
import { createProbeId, publishProbe } from './probe.ts';
import type { SpokenProtocol } from './spoken-protocol.ts';

export interface FirstAddressParts {
  readonly config: UplinkConfig;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly sessions: PlantSessions;
  readonly open: OpenPlant;
  readonly protocols: Pick<SpokenProtocol, 'next' | 'will' | 'ended'>;
  /** The topic of the probe, and how long the plant may take to bring one back. */
  readonly probes: Pick<PlantProbes, 'topic' | 'timeoutMs'>;
  /** A message of the session there, which the plant sends as soon as it has answered CONNECT. */
  receive(topic: string, packet: IPublishPacket): Promise<void>;
  /** While the disk is slower than the messages: resolves when it has caught up. */
  congested(): Promise<void> | undefined;
  /** Counts a fault of this program; `what` was being done. */
  fault(what: string, error: unknown): void;
  /** The address does not work yet, with the reason. */
  failed(sentence: string): void;
  readonly signal: AbortSignal;
}

/** The pause before each check. */
const CHECK_MS = 60_000;

/**
 * Checks the first address every minute, beside the connection to another one that works. Resolves with true when the
 * first one works, and with false when `signal` has ended the checks.
 */
export async function untilFirstWorks(parts: FirstAddressParts): Promise<boolean> {
  const { clock, signal, failed } = parts;
  for (;;) {
    await clock.sleep(CHECK_MS, signal).catch(() => undefined);
    if (signal.aborted) return false;
    const failure = await check(parts);
    if (signal.aborted) return false;
    if (failure === undefined) return true;
    failed(failure);
  }
}

/**
 * Makes a connection that is ended after the check: the plant must answer CONNECT and send a message back. Resolves with
 * undefined if it does, with the reason if it does not.
 */
async function check(parts: FirstAddressParts): Promise<string | undefined> {
  const { config, sessions, protocols, signal } = parts;
  const { topic: probeTopic, timeoutMs } = parts.probes;
  const url = config.urls[0] ?? '';
  const protocol = protocols.next(url);
  const id = createProbeId();
  let plant: PlantConnection | undefined;
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => plant?.giveUp('the check of the address was ended');
  signal.addEventListener('abort', stop);
  try {
    return await new Promise<string | undefined>((resolve) => {
      const probe = async (opened: PlantConnection): Promise<void> => {
        if (config.probe === 0) return resolve(undefined);
        timer = setTimeout(() => opened.giveUp(), timeoutMs);
        const options = { qos: 0, noLocal: false, keepRetain: false } as const;
        const refused = await opened.subscribe([{ filter: probeTopic, ...options }]);
        // Without a probe, no more can be checked.
        if (refused.length > 0) return resolve(undefined);
        await publishProbe(opened, probeTopic, id);
      };
      const events: PlantClientEvents = {
        up: (present) => {
          if (!present) sessions.lost(url);
          probe(opened).catch(() => opened.giveUp());
        },
        acknowledged: () => undefined,
        received: () => undefined,
        completed: () => undefined,
        answered: () => undefined,
        drained: () => undefined,
        silent: () => opened.giveUp(),
        failed: (error) => {
          parts.fault(`handling a packet of ${opened.url}`, error);
          opened.giveUp('a fault of the gateway, see its log');
        },
        congested: () => parts.congested(),
        message: async (topic, packet) => {
          if (topic === probeTopic && packet.payload.toString() === id) {
            if (opened.protocol.bridge) await opened.publish(probeTopic, '', 0, true);
            resolve(undefined);
          }
          const isOwn = topic === probeTopic || topic.startsWith(`${probeTopic}/`);
          if (!isOwn) await parts.receive(topic, packet);
        },
        down: (ending) => {
          const again = protocols.ended(url, protocol, ending) && !signal.aborted;
          resolve(again ? check(parts) : describeEnding(ending));
        },
      };
      const opened = parts.open(config, url, events, protocol, protocols.will(url));
      plant = opened;
      if (signal.aborted) stop();
    });
  } catch (error) {
    return (error as Error).message;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    await end(plant, timeoutMs);
  }
}

/** Ends the connection in order, so that the plant does not publish its will. */
async function end(plant: PlantConnection | undefined, timeoutMs: number): Promise<void> {
  if (!plant || plant.isDown) return;
  const timer = setTimeout(() => plant.giveUp('the check of the address has ended'), timeoutMs);
  await plant.close().catch(() => undefined);
  clearTimeout(timer);
}
