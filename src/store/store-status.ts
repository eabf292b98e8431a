import type { Journal } from './commit/journal.ts';
import { type Disk, type Wear, wearOf } from './wear.ts';

/** The state of the store, as published on `$SYS/cellgate/store`. */
export interface StoreStatus {
  readonly commits: number;
  /** Queue entries that were written; entries that were acknowledged before the write are not counted. */
  readonly messages: number;
  /** By the store and the long history, since the start. */
  readonly bytesWritten: number;
  /** By the store alone. */
  readonly bytesPerMessage: number | null;
  readonly lastCommitMs: number;
  /** Percentiles of the durations of commits since the start, in milliseconds. */
  readonly commitMs: { readonly p50: number | null; readonly p99: number | null };
  /** Free bytes of the disk; null if unknown. */
  readonly freeBytes: number | null;
  /** Reads of queued messages that failed, since the start; each is tried again. */
  readonly failedReads: number;
  /** Messages that are known to be lost in a damaged database, until `cellgate acknowledge`; 0 if there is no such loss. */
  readonly lostMessages: number;
  readonly trouble: string | null;
  readonly wear: Wear;
}

interface StoreStatusParts {
  readonly journal: Pick<Journal, 'commitTimes' | 'counts'>;
  /** By the store, since the start. */
  readonly bytesWritten: number;
  /** By the long history, since the start. */
  readonly alsoWritten: number;
  readonly disk: Disk;
  readonly freeBytes: number | null;
  /** How long the store is open. */
  readonly runningMs: number;
  readonly failedReads: number;
  readonly lostMessages: number;
  readonly trouble: string | undefined;
}

/** Counts since the start, and the state of the disk. */
export function storeStatus(parts: StoreStatusParts): StoreStatus {
  const { freeBytes, failedReads, lostMessages } = parts;
  const bytesWritten = parts.bytesWritten + parts.alsoWritten;
  const { commitTimes } = parts.journal;
  const { commits, entries, lastMs } = parts.journal.counts;
  return {
    commits,
    messages: entries,
    bytesWritten,
    bytesPerMessage: entries > 0 ? Math.round(parts.bytesWritten / entries) : null,
    lastCommitMs: Math.round(lastMs * 10) / 10,
    commitMs: { p50: commitTimes.quantile(0.5), p99: commitTimes.quantile(0.99) },
    freeBytes,
    failedReads,
    lostMessages,
    trouble: parts.trouble ?? null,
    wear: wearOf(parts.disk, bytesWritten, parts.runningMs),
  };
}
