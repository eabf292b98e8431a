import type { Rights } from '../../access/rules.ts';
import type { Properties } from '../../mqtt/properties.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Link } from './deliveries.ts';
import type { HeldClient } from './flow-control.ts';
import type { Sender5 } from './sender-5.ts';
import type { Session } from './session.ts';

/**
 * Why a connection is not read: its CONNECT is not answered, its acknowledgements, the disk or the subscribers of
 * its messages are far behind, its SUBSCRIBE or UNSUBSCRIBE takes several turns of the event loop, the time of this
 * turn is used up.
 */
export type PauseReason =
  | 'connect'
  | 'acknowledgements'
  | 'disk'
  | 'subscribers'
  | 'subscriptions'
  | 'turn';

/** What a client of MQTT 5 is sent. */
export interface ClientProtocol5 extends Sender5 {
  /** The packet with a text, if the client asks for that and takes a packet of that size. */
  explained(reason: string, encode: (properties: Properties) => Buffer): Buffer;
}

/** A connected client as the data plane uses it. */
export interface Client extends Link, HeldClient {
  /** Set when its CONNECT is accepted. */
  readonly session: Session | undefined;
  /** The client's rights; undefined if there are no access rules. */
  readonly access: { readonly rights: Rights } | undefined;
  /** What it has besides in MQTT 5; undefined for an older version. */
  readonly protocol5: ClientProtocol5 | undefined;
  /** Sends a packet, unless the client does not take one of its size: then the connection ends. */
  answer(packet: Uint8Array): void;
  /** Sends an acknowledgement, after all acknowledgements before it; reason code and text are only for MQTT 5. */
  acknowledge(header: number, packetId: number, reasonCode?: number, reason?: string): void;
  /** Calls `send` when the returned PendingAck is done and all acknowledgements before it are sent. */
  doWhenStored(send: () => void): PendingAck;
  /** Its connection has ended. */
  readonly closed: boolean;
  /** Reads nothing more from the client until reading is resumed for each reason. */
  pauseReading(reason: 'disk' | 'subscriptions' | 'subscribers'): void;
  resumeReading(reason: 'disk' | 'subscriptions' | 'subscribers'): void;
  /** Ends the connection, because the client does what it may not do. */
  violated(reason: string, reasonCode?: number): void;
}
