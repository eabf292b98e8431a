import type { Qos } from '../../mqtt/codec.ts';

/** The will of a client, to be published. */
export interface WillMessage extends LocalMessage {
  /** MQTT 5: with their length in front. */
  readonly properties?: Uint8Array | undefined;
  /** A time of the stored clock; null or undefined if it does not expire. */
  readonly expiresAt?: number | null;
}

/** A message that a part of the gateway publishes or receives; the receiver owns the payload. */
export interface LocalMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** It came from a plant: no uplink sends it to a plant again. */
  readonly inbound?: boolean;
}
