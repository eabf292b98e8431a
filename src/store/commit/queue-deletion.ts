import { PendingAck } from '../../queue/pending-ack.ts';
import type { Journal } from './journal.ts';

/** Called with the share of the work that is done, from 0 to 1. */
export type ReportShare = (share: number) => void;

/** Sequence numbers that one commit deletes: other changes wait for a commit. */
const STEP = 20_000;

/**
 * Deletes the stored entries of a queue, both ends included, in as many commits as needed; resolves when that and all
 * changes before it are on disk.
 */
export async function deleteStored(
  journal: Pick<Journal, 'add' | 'flush'>,
  key: number,
  range: { readonly first: number; readonly last: number } | undefined,
  report: ReportShare,
): Promise<void> {
  const { first, last } = range ?? { first: 1, last: 0 };
  for (let from = first; from <= last; from += STEP) {
    const to = Math.min(last, from + STEP - 1);
    await new Promise<void>((resolve) => {
      const pendingAck = new PendingAck(resolve);
      journal.add(['dropEntries', key, from, to], pendingAck);
      pendingAck.done();
    });
    report((to - first + 1) / (last - first + 1));
  }
  await journal.flush();
}
