import type { Qos } from '../../mqtt/codec.ts';

/** A message that a part of the gateway publishes or receives; the receiver owns the payload. */
export interface LocalMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  /** It came from a plant: no uplink sends it to a plant again. */
  readonly inbound?: boolean;
}
