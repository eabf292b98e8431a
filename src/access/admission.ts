import type { Rights } from './rules.ts';

/** An admitted client; `user` is undefined for an anonymous one. */
export interface Identity {
  readonly user: string | undefined;
  /** The proof of the client's identity: when it changes in the access file, the client must connect again. */
  readonly proof: string | undefined;
  /** Whether the listener trusts the client id of a client without user and certificate; absent for false. */
  readonly trustClientIds?: boolean | undefined;
}

export type Admission = { readonly identity: Identity; readonly rights: Rights } | Refusal;

export interface Refusal {
  /** Of CONNACK [MQTT 3.1.1, table 3.1]. */
  readonly returnCode: 3 | 4 | 5;
  /** For the log. */
  readonly reason: string;
  /** The reason for the client, where that of the log has more than it may know. */
  readonly clientReason?: string;
}
