import type { Qos } from '../../mqtt/codec.ts';
import type { Requester } from './requester.ts';

/** A message that a part of the gateway publishes or receives; the receiver owns the payload. */
export interface LocalMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** MQTT 5: in their stored form, with their length in front; a message that expires begins with its expiry. */
  readonly properties?: Uint8Array | undefined;
  /** A time of the stored clock; null or undefined if it does not expire. */
  readonly expiresAt?: number | null | undefined;
  /** It came from a plant: no uplink sends it to a plant again. */
  readonly inbound?: boolean;
  /** Who has published it and may get an answer; absent for the gateway itself. */
  readonly requester?: Requester | undefined;
}

/** A message that a part of the gateway receives. */
export interface ReceivedMessage extends LocalMessage {
  /** An empty message with the retain flag, which deletes the retained message of its topic and says nothing else. */
  readonly isDeletion?: true;
  /** Who has published it, for the log; absent for the gateway itself. */
  readonly sender?: string;
  /** MQTT 5: publishes the answer that it asks for; absent where it asks for none. */
  answer?(payload: Uint8Array): void;
}
