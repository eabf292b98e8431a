import type { IPublishPacket } from 'mqtt';
import type { Clock } from '../base/clock.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { LossLog } from './loss-log.ts';
import type { OpenPlant } from './plant-client.ts';
import type { PlantSessions } from './plant-sessions.ts';
import type { Sender } from './sender.ts';
import type { EdgeNode } from './sparkplug/edge-node.ts';
import type { ThrottledLog } from './throttled-log.ts';
import type { TopicChanges } from './topic-changes.ts';

export interface UplinkConnectionParts {
  readonly config: UplinkConfig;
  /** Undefined: the messages at the plant have the form of the queued ones. */
  readonly edge?: EdgeNode | undefined;
  readonly sender: Sender;
  readonly log: ThrottledLog;
  readonly losses: LossLog;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  /** What the gateway knows about its sessions at the plant's addresses; not used before `start`. */
  readonly sessions: PlantSessions;
  /** The topics that the plant changes. */
  readonly topics: TopicChanges;
  /** Loads mqtt.js; called by `start`, so that a gateway without an uplink does not load it. */
  load(): Promise<OpenPlant>;
  /** A message from the plant, on any topic but the probe's. */
  receive(topic: string, packet: IPublishPacket): Promise<void>;
  /** The session at the plant is another one than before: it has nothing of what was sent. */
  newSession(): void;
  /** While the disk is slower than the messages: resolves when it has caught up. */
  congested(): Promise<void> | undefined;
  /** Counts a fault of this program; `what` was being done. */
  fault(what: string, error: unknown): void;
  /** Called when the state has changed. */
  changed(): void;
  /** From 0 to 1, for the pauses between attempts. */
  random(): number;
}
