import { blockStart } from '../mqtt/publish-5.ts';
import {
  encodePublish,
  encodePubrel,
  type OutgoingPublish,
  publishSize,
} from '../mqtt/publish-encoder.ts';
import type { Message } from '../queue/message.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { Outgoing } from './plant-form.ts';
import type { PlantTransport } from './plant-transport.ts';
import type { Sending } from './routes.ts';
import type { CurrentRouting } from './routing.ts';

export interface OutgoingSource {
  routing(): CurrentRouting;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** Returns a better payload than the one in the queue. */
  correct?(payload: Buffer): Buffer | undefined;
}

export interface OutgoingParts {
  readonly routing: CurrentRouting;
  /** The plant's limits. */
  readonly plant: Pick<PlantTransport, 'maximumPacketSize' | 'maximumQos' | 'retainAvailable'>;
  /** Milliseconds of `OutgoingSource`. */
  readonly now: number;
  readonly correct?: OutgoingSource['correct'] | undefined;
}

/** At this moment; `maximumQos` is the highest that the plant takes besides what it says. */
export function outgoingParts(
  { routing, correct, now }: OutgoingSource,
  plant: OutgoingParts['plant'],
  maximumQos: 1 | 2,
): OutgoingParts {
  const { maximumPacketSize, retainAvailable } = plant;
  const qos = Math.min(plant.maximumQos, maximumQos) as 0 | 1 | 2;
  return {
    routing: routing(),
    plant: { maximumPacketSize, retainAvailable, maximumQos: qos },
    now: now(),
    correct,
  };
}

/** Bytes [MQTT-4.7.3-3]. */
const LONGEST_TOPIC = 65_535;

/**
 * The packet that is sent next for the entry: PUBREL if the plant has the message already, PUBLISH otherwise. For a
 * message of QoS 2 that has expired since it was sent it is PUBREL too: the plant may still keep its identifier.
 */
export function encodeOutgoing(
  entry: QueueEntry,
  packetId: number,
  parts: OutgoingParts,
): Outgoing {
  if (entry.released) return { kind: 'pubrel', frame: encodePubrel(packetId) };
  const sending = parts.routing.routes.out(topicOf(entry));
  const { expiresAt } = entry.message;
  if (expiresAt !== null && expiresAt <= parts.now) {
    const isOpen = entry.sent && sending !== undefined && qosOf(entry, sending, parts) === 2;
    return isOpen ? { kind: 'pubrel', frame: encodePubrel(packetId) } : { kind: 'expired' };
  }
  if (!sending) return { kind: 'refused', reason: 'no route takes it any more' };
  if (sending.remote.length > LONGEST_TOPIC) {
    const reason = `topic too long: ${sending.remote.length} bytes at the plant, MQTT takes ${LONGEST_TOPIC}`;
    return { kind: 'refused', reason };
  }
  const { form } = parts.routing;
  if (form) {
    const { body, start } = payloadOf(entry, parts.correct);
    return form.encode(entry, packetId, body, start);
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

function qosOf(entry: QueueEntry, { route }: Sending, { plant }: OutgoingParts): 0 | 1 | 2 {
  return Math.min(entry.qos, route.qos, plant.maximumQos) as 0 | 1 | 2;
}

function toPublish(
  entry: QueueEntry,
  sending: Sending,
  packetId: number,
  parts: OutgoingParts,
): OutgoingPublish {
  const { routing, plant, correct, now } = parts;
  const { route, remote } = sending;
  const { body, start } = payloadOf(entry, correct);
  const qos = qosOf(entry, sending, parts);
  const { properties } = routing;
  return {
    qos,
    retain: entry.retain && route.retain === 'keep' && plant.retainAvailable,
    dup: entry.sent && qos > 0,
    packetId: qos === 0 ? 0 : packetId,
    topic: remote,
    body,
    start,
    properties: properties && propertiesOf(entry.message, properties, now),
  };
}

/** The properties of the message, with what is left of its expiry, then those of the gateway. */
function propertiesOf(
  { body, topicEnd, payloadStart, expiresAt }: Message,
  ofGateway: Buffer,
  now: number,
): Buffer {
  if (topicEnd === payloadStart) return ofGateway;
  const block = blockStart(body, topicEnd, payloadStart);
  const all = Buffer.concat([body.subarray(block, payloadStart), ofGateway]);
  // The expiry is the first property, after its identifier.
  if (expiresAt !== null) all.writeUInt32BE(Math.ceil((expiresAt - now) / 1000), 1);
  return all;
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
