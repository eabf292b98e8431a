import type { StoredMessages } from '../../src/broker/messages/retained.ts';
import type { StoredEntry } from '../../src/queue/queue-entry.ts';
import type { Batch } from '../../src/store/commit/batch.ts';
import { WriteError, type Writer } from '../../src/store/commit/writer.ts';
import type { Recovered } from '../../src/store/recovery/load-state.ts';
import { decodeBatch } from './fake-writer.ts';
import { storedMessages } from './retained.ts';

interface Row extends StoredEntry {
  readonly flags: number;
}

interface Pending {
  readonly batch: Batch;
  readonly parts: Batch[];
  resolve(ms: number): void;
  reject(error: Error): void;
}

/** A disk in memory that accepts a batch completely or not at all, when the test says so, and survives the gateway. */
export class MemoryDisk implements Writer {
  readonly sessions = new Map<number, { clientId: string; seen: number; sent: number }>();
  readonly subscriptions = new Map<number, Map<string, 0 | 1 | 2>>();
  readonly incoming = new Map<number, Map<number, number>>();
  readonly queues = new Map<number, Map<number, Row>>();
  readonly retained = new Map<string, { qos: 0 | 1 | 2; payload: Buffer; publisher: string }>();
  readonly bodies = new Map<number, { refs: number; body: string }>();
  #pending: Pending[] = [];
  #boot = 0;

  #prepared: Batch[] = [];

  prepare(part: Batch): void {
    this.#prepared.push(part);
  }

  forget(): void {
    this.#prepared = [];
  }

  write(batch: Batch): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#pending.push({ batch, parts: this.#prepared, resolve, reject }),
    );
  }

  writeAlone(batch: Batch): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#pending.push({ batch, parts: [], resolve, reject }),
    );
  }

  get busy(): boolean {
    return this.#pending.length > 0;
  }

  land(): void {
    const pending = this.#pending.shift();
    if (!pending) return;
    this.#applyAll(pending);
    pending.resolve(1);
  }

  fail(): void {
    const pending = this.#pending.shift();
    pending?.reject(new WriteError('SQLITE_FULL', 'full', pending.batch));
  }

  /** A power cut: the batch in flight is on disk (`landed`) or not, and nobody is informed. */
  crash(landed: boolean): void {
    const [pending] = this.#pending;
    if (landed && pending) this.#applyAll(pending);
    this.#pending = [];
    this.#prepared = [];
  }

  async load(session: number, seq: number, limit: number): Promise<StoredEntry[]> {
    const rows = [...(this.queues.get(session)?.values() ?? [])];
    return rows
      .filter((row) => row.seq >= seq)
      .toSorted((a, b) => a.seq - b.seq)
      .slice(0, limit);
  }

  bytesWritten(): Promise<number> {
    return Promise.resolve(0);
  }
  async checkpoint(): Promise<void> {}

  async giveBack(): Promise<number> {
    return 0;
  }
  close(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  recover(): Recovered {
    return {
      stoppedCleanly: false,
      lastBoot: this.#boot++ || undefined,
      bootIsProvisional: false,
      sessions: [...this.sessions].map(([key, { clientId, seen, sent }]) => {
        const rows = [...(this.queues.get(key)?.values() ?? [])];
        const seqs = rows.map(({ seq }) => seq);
        return {
          key,
          clientId,
          seen,
          sent,
          owner: '',
          expiry: 4_294_967_295,
          subscriptions: [...(this.subscriptions.get(key) ?? [])].map(([filter, qos]) => ({
            filter,
            qos,
            options: 0,
            identifier: 0,
          })),
          incoming: [...(this.incoming.get(key) ?? [])].map(([packetId, digest]) => ({
            packetId,
            digest,
          })),
          queue: {
            first: Math.min(...seqs, Number.POSITIVE_INFINITY),
            last: Math.max(...seqs, 0),
            count: rows.length,
            bytes: rows.reduce((sum, { body }) => sum + body.length, 0),
            oldestAt: 0,
          },
        };
      }),
      wills: [],
      delayedWills: [],
      states: [],
      nextSessionKey: Math.max(0, ...this.sessions.keys()) + 1,
      nextMessageId: Math.max(0, ...this.bodies.keys()) + 1,
    };
  }

  /** The retained messages as they are at this moment. */
  storedRetained(): StoredMessages {
    const rest = { properties: Buffer.alloc(0), expires: 0 };
    return storedMessages(
      [...this.retained].map(([topic, value]) => ({ topic, ...rest, ...value })),
    );
  }

  #applyAll({ batch, parts }: Pending): void {
    for (const part of parts) this.#apply(part);
    if (parts === this.#prepared) this.#prepared = [];
    this.#apply(batch);
  }

  #apply(batch: Batch): void {
    for (const operation of batch.operations) this.#operate(operation);
    const { rows, shared, deletes } = decodeBatch(batch);
    for (const { id, holders, body } of shared) {
      this.bodies.set(id, { refs: (this.bodies.get(id)?.refs ?? 0) + holders, body });
    }
    for (const { session, seq, flags, body } of rows) {
      const text = body.startsWith('#') ? this.bodies.get(Number(body.slice(1)))!.body : body;
      const queue = this.queues.get(session) ?? new Map<number, Row>();
      this.queues.set(session, queue);
      if (queue.has(seq)) throw new Error(`row ${session}/${seq} is there already`);
      queue.set(seq, { seq, flags, at: 0, body: Buffer.from(text, 'latin1') });
    }
    for (const range of deletes) {
      const [session, first, last] = range.split(/: |-/).map(Number) as [number, number, number];
      for (let seq = first; seq <= last; seq++) this.queues.get(session)?.delete(seq);
    }
  }

  #operate(operation: Batch['operations'][number]): void {
    switch (operation[0]) {
      case 'openSession':
        this.sessions.set(operation[1], { clientId: operation[2], seen: operation[3], sent: 0 });
        return;
      case 'endSession':
        for (const table of [this.sessions, this.subscriptions, this.incoming, this.queues]) {
          table.delete(operation[1]);
        }
        return;
      case 'sessionSent':
        this.sessions.get(operation[2])!.sent = operation[1];
        return;
      case 'subscribe': {
        const held = this.subscriptions.get(operation[1]) ?? new Map();
        this.subscriptions.set(operation[1], held.set(operation[2], operation[3]));
        return;
      }
      case 'unsubscribe':
        this.subscriptions.get(operation[1])?.delete(operation[2]);
        return;
      case 'incoming': {
        const held = this.incoming.get(operation[1]) ?? new Map();
        this.incoming.set(operation[1], held.set(operation[2], operation[3]));
        return;
      }
      case 'incomingDone':
        this.incoming.get(operation[1])?.delete(operation[2]);
        return;
      case 'dropEntries':
        for (let seq = operation[2]; seq <= operation[3]; seq++) {
          this.queues.get(operation[1])?.delete(seq);
        }
        return;
      case 'released': {
        const row = this.queues.get(operation[1])?.get(operation[2]);
        if (row) {
          this.queues.get(operation[1])!.set(row.seq, { ...row, flags: row.flags | 16 });
        }
        return;
      }
      case 'retain':
        this.retained.set(operation[1], {
          qos: operation[2] as 0,
          payload: Buffer.from(operation[3]),
          publisher: operation[4],
        });
        return;
      case 'unretain':
        this.retained.delete(operation[1]);
        return;
    }
  }
}
