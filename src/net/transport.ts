/** One connection's bytes, whatever carries them: TCP, TLS or WebSocket. */
export interface Transport {
  readonly remoteAddress: string;
  /** Whether its listener admits clients without a user and a certificate. */
  readonly anonymous?: boolean;
  /** Whether its listener trusts the client ids of those clients: then rules by client id hold for them. */
  readonly trustClientIds?: boolean | undefined;
  /** The common name of the peer's certificate, if the listener's authority has signed it. */
  readonly certificate?: string | undefined;
  /** Bytes written that the kernel has not taken. */
  readonly pending: number;
  /** True where a written buffer is still read after `pending` is 0. */
  readonly copies: boolean;
  write(bytes: Buffer): void;
  /** Calls back when the kernel has taken all that was written, or never will. */
  onceTaken(callback: () => void): void;
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes; destroys the connection of a peer that does not read in time. */
  end(): void;
  destroy(): void;
}

/** Events of a transport; `lost` comes once and last. */
export interface TransportEvents {
  data(chunk: Buffer): void;
  drained(): void;
  lost(): void;
  /** The peer broke a rule of the transport, e.g. sent a text frame on a WebSocket. */
  violated(reason: string): void;
}

/** Takes the transport or refuses it; a refused one is closed. */
export type Accept = (transport: Transport) => TransportEvents | undefined;

/** How long a closing peer may take to read what it was sent. */
export const LINGER_MS = 5000;
