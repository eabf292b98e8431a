import {
  encodePublish,
  encodePubrel,
  type OutgoingPublish,
  publishSize,
} from '../mqtt/publish-encoder.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { PlantTransport } from './plant-transport.ts';
import type { Sending } from './routes.ts';
import type { CurrentRouting } from './routing.ts';

/** The packet of a queued message, or the reason why it can't be sent. */
export type Outgoing =
  | { readonly kind: 'publish'; readonly frame: Buffer; readonly packet: OutgoingPublish }
  | { readonly kind: 'pubrel'; readonly frame: Buffer }
  | { readonly kind: 'refused'; readonly reason: string };

export interface OutgoingParts {
  readonly routing: CurrentRouting;
  /** The plant's limits. */
  readonly plant: Pick<PlantTransport, 'maximumPacketSize' | 'maximumQos' | 'retainAvailable'>;
  /** Returns a better payload than the one in the queue. */
  readonly correct?: ((payload: Buffer) => Buffer | undefined) | undefined;
}

/** Bytes [MQTT-4.7.3-3]. */
const LONGEST_TOPIC = 65_535;

/** The packet that is sent next for the entry: PUBREL if the plant has the message already, PUBLISH otherwise. */
export function encodeOutgoing(
  entry: QueueEntry,
  packetId: number,
  parts: OutgoingParts,
): Outgoing {
  if (entry.released) return { kind: 'pubrel', frame: encodePubrel(packetId) };
  const sending = parts.routing.routes.out(topicOf(entry));
  if (!sending) return { kind: 'refused', reason: 'no route takes it any more' };
  if (sending.remote.length > LONGEST_TOPIC) {
    const reason = `topic too long: ${sending.remote.length} bytes at the plant, MQTT takes ${LONGEST_TOPIC}`;
    return { kind: 'refused', reason };
  }
  const packet = toPublish(entry, sending, packetId, parts);
  const size = publishSize(packet);
  const { maximumPacketSize } = parts.plant;
  if (size > maximumPacketSize) {
    const reason = `packet too large: ${size} bytes, the plant takes ${maximumPacketSize}`;
    return { kind: 'refused', reason };
  }
  return { kind: 'publish', frame: encodePublish(packet), packet };
}

function toPublish(
  entry: QueueEntry,
  { route, remote }: Sending,
  packetId: number,
  { routing, plant, correct }: OutgoingParts,
): OutgoingPublish {
  const { body, start } = payloadOf(entry, correct);
  const qos = Math.min(entry.qos, route.qos, plant.maximumQos) as 0 | 1 | 2;
  return {
    qos,
    retain: entry.retain && route.retain === 'keep' && plant.retainAvailable,
    dup: entry.sent && qos > 0,
    packetId: qos === 0 ? 0 : packetId,
    topic: remote,
    body,
    start,
    properties: routing.properties,
  };
}

/** The payload's bytes; for a reading with a wrong time, with the right time if it is known. */
function payloadOf(
  { message }: QueueEntry,
  correct: OutgoingParts['correct'],
): { body: Buffer; start: number } {
  const { body, payloadStart: start } = message;
  const better = correct?.(body.subarray(start));
  return better ? { body: better, start: 0 } : { body, start };
}
