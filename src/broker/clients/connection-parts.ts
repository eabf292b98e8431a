import type { TurnBudget } from '../../base/turn-budget.ts';
import type { SubscribePacket, UnsubscribePacket } from '../../mqtt/codec.ts';
import type { ConnectPacket, Version } from '../../mqtt/connect.ts';
import type { AuthPacket } from '../../mqtt/packets-5.ts';
import type { PublishProperties } from '../../mqtt/publish-properties.ts';
import type { TopicLimits } from '../messages/control-characters.ts';
import type { Publication } from '../messages/publication.ts';
import type { Protocol5Limits, Protocol5Parts } from './protocol-5.ts';
import type { SendBufferParts } from './send-buffer.ts';

/** The versions of a listener that says nothing else. */
export const VERSIONS: readonly Version[] = [3, 4, 5];

/** CONNECT of MQTT 3.1.1 holds at most five fields of 64 KiB. */
export const CONNECT_LIMIT: number = 5 * 65_537 + 16;

/** What takes a connection's packets and its end. */
export interface ConnectionHandlers<Connection> {
  readonly handshake: {
    connect(connection: Connection, packet: ConnectPacket): void;
    /** MQTT 5: an AUTH, also before CONNACK. */
    authenticate(connection: Connection, packet: AuthPacket): void;
    /** MQTT 5: the DISCONNECT that is read changes the session's expiry, to so many seconds. */
    setSessionExpiry(connection: Connection, seconds: number): void;
  };
  /** PINGREQ and DISCONNECT; after DISCONNECT nothing more is read. */
  readonly control: {
    ping(connection: Connection): void;
    disconnect(connection: Connection): void;
  };
  readonly messages: {
    /** `publication` and what it refers to are valid until this returns; `packetId` is 0 at QoS 0. */
    publish(connection: Connection, publication: Publication, packetId: number): void;
    /** PUBREL. */
    release(connection: Connection, packetId: number): void;
  };
  readonly subscriptions: {
    subscribe(connection: Connection, packet: SubscribePacket): void;
    unsubscribe(connection: Connection, packet: UnsubscribePacket): void;
  };
  /** The connection has ended, whatever the cause; called once. */
  readonly connections: {
    closed(connection: Connection, reason: string): void;
    /** Unfinished packets need too much memory; returns whether one with more than `bytes` was closed for that. */
    tooManyUnfinished(bytes: number): boolean;
  };
}

/** What the connections of one broker share. */
export interface ConnectionParts<Connection> extends SendBufferParts, Protocol5Parts {
  readonly handlers: ConnectionHandlers<Connection>;
  /** Bytes and milliseconds; read when a connection is accepted. */
  readonly limits: Protocol5Limits &
    TopicLimits & {
      readonly packet: number;
      readonly connectTimeout: number;
      /** Read at any time. */
      readonly packetTimeout: number;
    };
  /** Milliseconds on the monotonic clock. */
  readonly now: () => number;
  /** The PUBLISH that is being read. One for all: one for each would keep each client's read buffer. */
  readonly publication: Publication;
  /** Its properties in MQTT 5. */
  readonly publishProperties: PublishProperties;
  /** In which packets are read. */
  readonly readBudget: TurnBudget;
  /** This program has failed on a packet of the connection; gives the reason for its end. */
  failed(connection: Connection, error: unknown): string;
}
