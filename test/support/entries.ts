import { Message } from '../../src/queue/message.ts';
import { PendingAck } from '../../src/queue/pending-ack.ts';
import { QueueEntry, type QueueOwner } from '../../src/queue/queue-entry.ts';

/** A session as the journal sees it. */
export class FakeOwner implements QueueOwner {
  readonly key: number;
  ended = false;
  online = true;
  sent = 0;
  sentOnDisk = 0;
  readonly deletes = { first: 0, last: 0 };
  /** Sequence numbers in the order in which they reached the disk. */
  readonly landed: number[] = [];
  #seq = 0;

  constructor(key: number) {
    this.key = key;
  }

  committed(entry: QueueEntry): void {
    this.landed.push(entry.seq);
  }

  /** The next entry of this queue, one more holder of its message. */
  entry(message: Message, qos: 1 | 2 = 1): QueueEntry {
    message.holders++;
    return new QueueEntry(this, message, ++this.#seq, qos, false, 1000);
  }
}

/** A message with the topic `t`; `onStored` is called when its pendingAck is done. */
export function message(payload: string, onStored?: () => void): Message {
  const made = new Message(
    Buffer.concat([Buffer.from('\0\x01t'), Buffer.from(payload)]),
    3,
    3,
    null,
  );
  if (onStored) made.pendingAck = new PendingAck(onStored);
  return made;
}
