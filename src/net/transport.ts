import type { Version } from '../mqtt/connect.ts';

/** A user that the request for a WebSocket has proved, and by what: as `Identity` in `src/access`. */
export interface ProvenUser {
  readonly user: string | undefined;
  readonly proof: string | undefined;
}

/** The byte stream of one connection, over TCP, TLS or WebSocket. */
export interface Transport {
  readonly remoteAddress: string;
  /** Whether its listener admits clients without a user and a certificate. */
  readonly anonymous?: boolean;
  /** Whether its listener trusts the client ids of those clients: then rules by client id hold for them. */
  readonly trustClientIds?: boolean | undefined;
  /** Versions of MQTT that its listener accepts, by their protocol level. */
  readonly versions?: readonly Version[] | undefined;
  /** The common name of the peer's certificate, if the listener's authority has signed it. */
  readonly certificate?: string | undefined;
  /** The user of a page of this gateway, who has logged in before. */
  readonly proven?: ProvenUser | undefined;
  /** Written bytes that the kernel has not accepted. */
  readonly pending: number;
  /** Bytes that have come of a frame whose end has not; undefined where bytes need no frames. */
  readonly unfinishedBytes?: number;
  /** Bytes that have come below TLS, also those of a record whose end has not; undefined without TLS. */
  readonly encryptedBytes?: number | undefined;
  /** True where a written buffer is still read after `pending` is 0. */
  readonly copies: boolean;
  write(bytes: Buffer): void;
  /** The same for two buffers, by one call of the system where the transport can. */
  writeBoth?(first: Buffer, second: Buffer): void;
  /** Calls back when the kernel has accepted all written bytes, or never will. */
  onceTaken(callback: () => void): void;
  pause(): void;
  resume(): void;
  /** Sends the written bytes, then closes; destroys the connection of a peer that does not read in time. */
  end(): void;
  destroy(): void;
}

/** Events of a transport; `lost` is called once, as the last one. */
export interface TransportEvents {
  /** The chunk is valid until this returns. */
  data(chunk: Buffer): void;
  drained(): void;
  lost(): void;
  /** The peer broke a rule of the transport, e.g. sent a text frame on a WebSocket. */
  violated(reason: string): void;
}

/** Accepts the transport or refuses it; a refused one is closed. */
export type Accept = (transport: Transport) => TransportEvents | undefined;

/** Bytes that are still read, and thrown away, from a peer whose connection is closing. */
export const DISCARDED_BYTES: number = 64 * 1024;

/** How long a closing peer may take to read what it was sent. */
export const LINGER_MS = 5000;

/** Connections whose peers have closed that are ended in one turn of the event loop. */
export const ENDS_PER_TURN = 16;
