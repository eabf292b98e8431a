import { TurnBudget } from '../../base/turn-budget.ts';
import type { QueueEntry } from '../../queue/queue-entry.ts';
import { type Batch, type CommitParts, packParts } from './batch.ts';
import type { RetryingWriter } from './retrying-writer.ts';

/** Entries or acknowledgements that are confirmed between two checks of the turn. */
const STEP = 64;

/** Packs and confirms commits; large ones in several turns of the event loop. */
export class CommitSteps {
  readonly #writer: RetryingWriter;
  readonly #turnBudget: TurnBudget;

  /** `now` in milliseconds on the monotonic clock. */
  constructor(writer: RetryingWriter, now: () => number) {
    this.#writer = writer;
    this.#turnBudget = new TurnBudget(now);
  }

  /** Resolves with the entries that are on disk, together with all else; the others were gone before they were packed. */
  async write(commit: CommitParts, nextMessageId: () => number): Promise<readonly QueueEntry[]> {
    const packed: QueueEntry[] = [];
    let last: Batch | undefined;
    for (const part of packParts(commit, packed, nextMessageId)) {
      if (last) {
        this.#writer.prepare(last);
        if (this.#turnBudget.isOver) await this.#turn();
      }
      last = part;
    }
    const { operations, deletes } = commit;
    if (operations.length + packed.length + deletes.length > 0) await this.#writer.write(last!);
    return packed;
  }

  /** Does the work that a commit has caused, `failed` where it throws; resolves when all is done. */
  async each<Item>(
    items: readonly Item[],
    work: (item: Item) => void,
    failed: (error: unknown) => void,
  ): Promise<void> {
    for (let i = 0; i < items.length; i++) {
      if (i > 0 && i % STEP === 0 && this.#turnBudget.isOver) await this.#turn();
      try {
        work(items[i]!);
      } catch (error) {
        failed(error);
      }
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#turnBudget.later(resolve));
  }
}
