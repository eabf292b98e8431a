import type { Rights } from '../../access/rules.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Link } from './deliveries.ts';
import type { HeldClient } from './flow-control.ts';
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

/** A connected client as the data plane uses it. */
export interface Client extends Link, HeldClient {
  /** Set when its CONNECT is accepted. */
  readonly session: Session | undefined;
  /** The client's rights; undefined if there are no access rules. */
  readonly access: { readonly rights: Rights } | undefined;
  /** Sends a packet, unless the client does not take one of its size: then the connection ends. */
  answer(packet: Uint8Array): void;
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
