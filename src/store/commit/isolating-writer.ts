import { type Faults, REFUSED_BY_BROKER, shortTopic } from '../../base/faults.ts';
import { createMessage } from '../../queue/message.ts';
import { type QueueEntry, topicOf } from '../../queue/queue-entry.ts';
import { isFaultOfChange } from '../database/sqlite-errors.ts';
import { type CommitParts, type Operation, PackError, packOrThrow, RANGE } from './batch.ts';
import type { CommitSteps } from './commit-steps.ts';
import type { RetryingWriter } from './retrying-writer.ts';
import { WriteError } from './writer.ts';

export interface IsolatingWriterParts {
  readonly writer: Pick<RetryingWriter, 'write' | 'forget'>;
  /** Packs and writes a commit in which nothing fails. */
  readonly steps: Pick<CommitSteps, 'write'>;
  readonly faults: Faults;
  nextMessageId(): number;
}

/** Deletes nothing: shows whether the writer takes a change at all. */
const PROBE: Operation = ['deleteWill', '\0'];

/**
 * Writes changes in one commit. Where this program fails on one of them, it writes the others in several commits, and
 * moves the message of that one to the refused messages.
 */
export class IsolatingWriter {
  readonly #parts: IsolatingWriterParts;

  constructor(parts: IsolatingWriterParts) {
    this.#parts = parts;
  }

  /** Resolves with the entries that are on disk, or set aside, when all else is; rejects where no change can be written. */
  async write(commit: CommitParts): Promise<readonly QueueEntry[]> {
    const { writer, steps, nextMessageId } = this.#parts;
    try {
      return await steps.write(commit, nextMessageId);
    } catch (error) {
      if (!isFault(error)) throw error;
      writer.forget();
      const { operations, deletes } = commit;
      const entries = commit.entries.filter(({ gone }) => !gone);
      await this.#commit([PROBE], [], []).catch(() => {
        throw error;
      });
      // Entries first: where the process ends in between, a QoS 2 message is there twice and not never.
      await this.#inHalves(
        entries,
        (some) => this.#commit([], some, []),
        (entry, cause) => this.#setEntryAside(entry, cause),
      );
      await this.#inHalves(
        operations,
        (some) => this.#commit(some, [], []),
        (operation, cause) => this.#setOperationAside(operation, cause),
      );
      const ranges = Array.from({ length: deletes.length / RANGE }, (_, i) =>
        deletes.slice(i * RANGE, (i + 1) * RANGE),
      );
      await this.#inHalves(
        ranges,
        (some) => this.#commit([], [], some.flat()),
        async (range, cause) => {
          this.#parts.faults.caught('commit', `deleting the messages ${range.join(', ')}`, cause);
        },
      );
      return entries;
    }
  }

  async #commit(
    operations: Operation[],
    entries: readonly QueueEntry[],
    deletes: readonly number[],
  ): Promise<void> {
    if (operations.length + entries.length + deletes.length === 0) return;
    const { writer, nextMessageId } = this.#parts;
    await writer.write(packOrThrow(operations, entries, deletes, nextMessageId));
  }

  /** Writes the changes in ever smaller commits, until those that fail are alone. */
  async #inHalves<T>(
    changes: readonly T[],
    write: (some: T[]) => Promise<void>,
    setAside: (one: T, error: unknown) => Promise<void>,
  ): Promise<void> {
    if (changes.length === 0) return;
    try {
      await write([...changes]);
    } catch (error) {
      if (!isFault(error)) throw error;
      if (changes.length === 1) return setAside(changes[0]!, error);
      const half = changes.length >> 1;
      await this.#inHalves(changes.slice(0, half), write, setAside);
      await this.#inHalves(changes.slice(half), write, setAside);
    }
  }

  async #setEntryAside(entry: QueueEntry, error: unknown): Promise<void> {
    const what = `writing a message of ${shortTopic(topicOf(entry))}`;
    const reason = this.#parts.faults.caught('commit', what, error);
    await this.#refuse(entry.at, reason, new Uint8Array(entry.message.body));
  }

  async #setOperationAside(operation: Operation, error: unknown): Promise<void> {
    const [name, key] = operation;
    const what = `writing ${name} ${shortTopic(String(key))}`;
    const reason = this.#parts.faults.caught('commit', what, error);
    if (name !== 'retain') return;
    const [, topic, , payload] = operation;
    try {
      await this.#refuse(0, reason, new Uint8Array(createMessage(topic, payload).body));
    } catch (cause) {
      this.#parts.faults.caught('commit', what, cause);
    }
  }

  async #refuse(at: number, reason: string, body: Uint8Array): Promise<void> {
    try {
      await this.#commit([['deadLetter', REFUSED_BY_BROKER, at, reason, body]], [], []);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#parts.faults.caught('commit', 'writing a refused message', error);
    }
  }
}

/** Whether one of the changes is the cause, not the disk, the database or the writer's thread. */
function isFault(error: unknown): boolean {
  if (error instanceof WriteError) return isFaultOfChange(error.code);
  return error instanceof PackError || (error as Error).name === 'DataCloneError';
}
