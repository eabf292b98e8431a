import type { IPublishPacket } from 'mqtt';
import type { PropertyBlock } from './property-tap.ts';

/** A message from the plant as mqtt.js gives it, and what that does not have. */
export interface ReceivedPublish extends IPublishPacket {
  /** When it arrived, on performance.now(). */
  arrivedAt?: number;
  /** Its properties as they came; absent before MQTT 5. */
  propertyBlock?: { readonly bytes: PropertyBlock };
}
