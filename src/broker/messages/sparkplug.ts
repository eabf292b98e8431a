import { MessageWriter, readFields, VARINT } from '../../base/protobuf.ts';
import { certificateTopic } from '../../mqtt/sparkplug-topics.ts';
import { createMessage } from '../../queue/message.ts';
import { Publication } from './publication.ts';

/** A certificate of death has one metric. To read a longer payload would take too long. */
const DEATH_BYTES = 4096;
/** The field of a payload with its time [Sparkplug 3.0, section 6.4.5]. */
const TIMESTAMP = 1;

/**
 * The retained message that shows later subscribers the last birth of a node or a device; it counts among those of its
 * publisher. The certificate of a birth without payload is none: it deletes the one before.
 */
export function certificateOf(birth: Publication, publisher: string): Publication {
  const { body, topicEnd, payloadStart, expiresAt } = birth.keep();
  const payload = body.subarray(payloadStart);
  const properties = body.subarray(topicEnd, payloadStart);
  const topic = certificateTopic(birth.topic);
  const message = createMessage(topic, payload, properties, expiresAt);
  const certificate = new Publication().of(message, topic, birth.qos, true);
  certificate.publisher = publisher;
  certificate.own = birth.own;
  certificate.inbound = birth.inbound;
  certificate.from = birth.from;
  certificate.held = birth.held;
  certificate.pendingAck = birth.pendingAck;
  return certificate;
}

/**
 * Writes the time of delivery into a certificate of death: as a will it has the time of its CONNECT
 * [tck-id-conformance-mqtt-aware-ndeath-timestamp]. What another broker has delivered before keeps its time, and so does
 * what can't be read.
 */
export function stampDeath(death: Publication, now: number): void {
  const { source, payloadStart, end, own, from } = death;
  if (own || from || end - payloadStart > DEATH_BYTES) return;
  const stamped = withTimestamp(source.subarray(payloadStart, end), now);
  if (stamped) death.replacePayload(stamped);
}

/** The payload of Sparkplug with this time, in milliseconds since the Unix epoch; undefined if it is none. */
export function withTimestamp(payload: Buffer, now: number): Buffer | undefined {
  if (payload.length === 0) return undefined;
  const time = new MessageWriter();
  time.varint(TIMESTAMP, now);
  const parts = [time.written];
  try {
    let start = 0;
    for (const { number, wire, end } of readFields(payload)) {
      if (number !== TIMESTAMP || wire !== VARINT) parts.push(payload.subarray(start, end));
      start = end;
    }
  } catch {
    // Another format: its subscribers get it as it is.
    return undefined;
  }
  return Buffer.concat(parts);
}
