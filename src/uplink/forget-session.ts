import { PendingAck } from '../queue/pending-ack.ts';
import type { Journal } from '../store/commit/journal.ts';
import type { CurrentRouting } from './routing.ts';
import type { UplinkQueue } from './uplink-queue.ts';

export interface ForgetSessionParts {
  routing(): CurrentRouting;
  readonly store: { readonly journal: Pick<Journal, 'add'> };
  queues(): Iterable<UplinkQueue>;
}

/**
 * The plant has lost its session. Stored PUBRECs are undone: after a crash, PUBREL would be sent for messages that the
 * new session does not have. Resolves when that is on disk.
 */
export async function forgetSession(parts: ForgetSessionParts): Promise<void> {
  const { queues, routing, store } = parts;
  for (const queue of queues()) queue.forgetSent();
  if (!routing().config.out.some(({ qos }) => qos === 2)) return;
  await new Promise<void>((resolve) => {
    const pendingAck = new PendingAck(resolve);
    for (const { key } of queues()) store.journal.add(['unreleased', key], pendingAck);
    pendingAck.done();
  });
}
