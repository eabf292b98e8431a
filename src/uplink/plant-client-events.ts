import type { Ending } from './failures.ts';
import type { ReceivedPublish } from './received-publish.ts';

/** The events of a connection to the plant. `down` is the last one. */
export interface PlantClientEvents {
  up(resumed: boolean): void;
  /** PUBACK. */
  acknowledged(packetId: number, reason: number): void;
  /** PUBREC. */
  received(packetId: number, reason: number): void;
  /** PUBCOMP. */
  completed(packetId: number): void;
  /** A message from the plant; it is acknowledged when the promise resolves, after all earlier ones. */
  message(topic: string, packet: ReceivedPublish): Promise<void>;
  /** While the disk is slower than the messages: resolves when it has caught up. */
  congested(): Promise<void> | undefined;
  drained(): void;
  /** PINGRESP to a `ping`: the plant has taken all that was sent before it. */
  answered(): void;
  /** The plant has not answered a ping in time; called again and again until it does. */
  silent(): void;
  /** A packet could not be handled. */
  failed(error: unknown): void;
  down(ending: Ending): void;
}
