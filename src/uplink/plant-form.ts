import type { OutgoingPublish } from '../mqtt/publish-encoder.ts';
import type { QueueEntry } from '../queue/queue-entry.ts';

/** The packet of a queued message, or the reason why it can't be sent. */
export type Outgoing =
  | {
      readonly kind: 'publish';
      readonly frame: Buffer;
      readonly packet: OutgoingPublish;
      /** It stays in flight at QoS 0 too: something else than PUBACK says that the plant has it. */
      readonly isProven?: boolean;
    }
  | { readonly kind: 'pubrel'; readonly frame: Buffer }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'expired' };

/** Another form of the messages at the plant than that of the queued ones. */
export interface PlantForm {
  /** The packet of a message whose payload is at [start, end of body). */
  encode(entry: QueueEntry, packetId: number, body: Buffer, start: number): Outgoing;
}
