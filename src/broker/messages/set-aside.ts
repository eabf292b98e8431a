import { type Faults, REFUSED_BY_BROKER, shortTopic } from '../../base/faults.ts';
import type { Message } from '../../queue/message.ts';
import type { PendingAck } from '../../queue/pending-ack.ts';
import type { Store } from '../../store/store.ts';

export interface SetAsideParts {
  readonly faults: Faults;
  readonly store: Pick<Store, 'journal'>;
  /** Milliseconds that continue over restarts. */
  now(): number;
}

/** Moves a message that can't be delivered to the refused messages; `pendingAck` waits for that. */
export function setAside(
  { faults, store, now }: SetAsideParts,
  message: Message,
  to: string,
  error: unknown,
  pendingAck: PendingAck | null,
): void {
  const topic = shortTopic(message.body.toString('utf8', 2, message.topicEnd));
  const reason = faults.caught('delivery', `delivering a message of ${topic} to ${to}`, error);
  // Without an acknowledgement that waits, their number is bounded.
  if (!pendingAck && !faults.mayKeep()) return;
  store.journal.add(
    ['deadLetter', REFUSED_BY_BROKER, now(), reason, message.plainBody],
    pendingAck ?? undefined,
  );
}
