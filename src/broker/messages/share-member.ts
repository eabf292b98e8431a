import type { Qos } from '../../mqtt/codec.ts';
import { type QueueEntry, topicOf, UNWRITTEN } from '../../queue/queue-entry.ts';
import { type Grant, Publication } from './publication.ts';
import type { Session } from './session.ts';

/** A session that subscribes to a group, with what its own subscription asks for. */
export interface Member {
  readonly session: Session;
  readonly qos: Qos;
  readonly grant: Grant | null;
}

/** Whether the member's client can be sent one more message at once, and reads what it is sent. */
export function takesMore({ link, queue, deliveries, mostInFlight }: Session): boolean {
  if (!link || link.sendBuffer.unread > 0 || queue.count > 0) return false;
  return deliveries.size < mostInFlight;
}

/** Bytes that cost a client as much as a message. */
const BYTES_OF_ONE = 1024;

/** How much the member's client has to read and to acknowledge before the next message. */
export function loadOf({ link, flow, queue, deliveries }: Session): number {
  if (!link || link.sendBuffer.congested || flow.slow) return Number.MAX_SAFE_INTEGER;
  return queue.count + deliveries.size + link.sendBuffer.unread / BYTES_OF_ONE;
}

/** Gives a message that another member had to this one, which sends it only when that is on disk. */
export function takeOver({ session, qos: most, grant }: Member, entry: QueueEntry): void {
  const { message } = entry;
  const qos = Math.min(entry.qos, most) as Qos;
  const publication = new Publication().of(message, topicOf(entry), qos, entry.retain);
  publication.grant = grant;
  publication.share = entry.share;
  // The publisher's acknowledgement waits for the new place instead of the one before.
  if (entry.written === UNWRITTEN) publication.pendingAck = message.pendingAck;
  const repeated = entry.sent || entry.repeated;
  if (qos === 0) session.deliver(publication, 0);
  else session.enqueue(publication, qos, session.keepsRetain(publication), true, repeated);
}

/** Sends it at QoS 0 when it is on disk that its publisher will not repeat it. */
export function deliverAfterCommit(session: Session, publication: Publication): void {
  const { topic, qos, retain, grant } = publication;
  const message = publication.keep().copy();
  session.afterCommit(() => {
    const again = new Publication().of(message, topic, qos, retain);
    again.grant = grant;
    session.deliver(again, 0);
  });
}
