import { packetBytes } from '../mqtt/publish-encoder.ts';
import { topicProblem } from '../mqtt/topics.ts';
import { NO_PROPERTIES, type ReceivedProperties } from './received-properties.ts';

/** Remaining Length of the longest packet [MQTT 3.1.1, section 2.2.3]. */
const LONGEST_REMAINING = 268_435_455;
/** Bytes of a PUBLISH with a packet identifier beside topic and payload. */
const LENGTHS_BYTES = 4;

/** Why a message of a plant can't be published under this local topic; undefined if it can. */
export function receivedProblem(
  local: string,
  payload: Uint8Array,
  { stored, problem: wrong }: ReceivedProperties = NO_PROPERTIES,
): string | undefined {
  if (wrong !== undefined) return wrong;
  if (local.startsWith('$')) return 'its topic here begins with $, which is for the broker itself';
  const problem = topicProblem(local);
  if (problem !== undefined) return `its topic here ${problem}`;
  const remaining = LENGTHS_BYTES + Buffer.byteLength(local) + stored.length + payload.length;
  if (remaining <= LONGEST_REMAINING) return undefined;
  return `it would be a packet of ${packetBytes(remaining)} bytes, more than MQTT takes`;
}
