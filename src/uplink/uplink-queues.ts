import { OWN_SESSION } from '../broker/messages/sessions.ts';
import type { QueueConfig } from '../config/schema/queue.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { NEVER } from '../mqtt/properties.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';
import type { Store } from '../store/store.ts';
import { type Candidate, planSlots, SLOTS } from './queue-slots.ts';
import { UplinkQueue, type UplinkQueueParts } from './uplink-queue.ts';

/** The queues of every uplink, with the live queue if it has a share; the queues of single routes follow. */
export const NORMAL = 'normal';
export const HIGH = 'high';
export const LIVE = 'live';

export interface UplinkQueuesParts extends Omit<UplinkQueueParts, 'journal' | 'load'> {
  readonly store: Pick<Store, 'journal' | 'load' | 'takeSessionKey' | 'state'>;
  /** The settings in force. */
  config(): UplinkConfig;
  /** Whether a message of the queue is in flight, or will be sent again. */
  inUse(queue: UplinkQueue): boolean;
}

interface QueueSettings {
  readonly high: boolean;
  readonly limits: QueueConfig;
}

/** A queue on disk that is read when there is a slot for it. */
interface WaitingQueue {
  readonly name: string;
  readonly stored: StoredSession;
}

/** What the names of an uplink's queues on disk begin with; the slot and the queue's own name follow. */
export function storedPrefix(uplink: string): string {
  return `${OWN_SESSION}uplink/${uplink}/`;
}

/**
 * The queues of one uplink: those that its config asks for, and those of earlier configs until they are empty. Each has
 * one of a fixed number of slots. A route gets no separate queue while there is no slot for it, and a stored queue
 * waits on disk: no config and no data are refused for it.
 */
export class UplinkQueues {
  readonly #parts: UplinkQueuesParts;
  readonly #queues = new Map<string, UplinkQueue>();
  /** Queues on disk without a slot. */
  #waiting: WaitingQueue[] = [];
  /** How many routes have no separate queue, although the config gives them one. */
  #missing = 0;
  #parked = false;

  constructor(parts: UplinkQueuesParts) {
    this.#parts = parts;
  }

  values(): Iterable<UplinkQueue> {
    return this.#queues.values();
  }

  get(name: string): UplinkQueue | undefined {
    return this.#queues.get(name);
  }

  /** Messages on disk that wait for a slot, and their bytes. */
  get waiting(): { readonly messages: number; readonly bytes: number } {
    return this.#waiting.reduce(
      ({ messages, bytes }, { stored: { queue } }) => ({
        messages: messages + queue.count,
        bytes: bytes + queue.bytes,
      }),
      { messages: 0, bytes: 0 },
    );
  }

  /** What has no room; undefined if all has. */
  get problem(): string | undefined {
    if (this.#missing === 0 && this.#waiting.length === 0) return undefined;
    return `it has more than ${SLOTS} queues, because those of earlier routes are not empty: ${this.#missing} routes have no separate queue, ${this.waiting.messages} messages wait for room`;
  }

  /** Continues the stored queues of this uplink, and creates missing ones. Never throws for what is stored. */
  open(stored: readonly StoredSession[]): void {
    this.#parked = false;
    const wanted = this.#wanted();
    const names = new Set<string>();
    for (const one of stored) {
      let name = this.#nameOf(one);
      if (one.queue.count === 0 && (!wanted.has(name) || names.has(name))) {
        this.#end(one.key);
        continue;
      }
      // Two queues of one name: the second is emptied like one of an earlier config.
      while (names.has(name)) name += "'";
      names.add(name);
      this.#waiting.push({ name, stored: one });
    }
    this.#fill(wanted);
  }

  /** Creates the queues that other settings ask for. */
  reconfigure(): void {
    this.#parked = false;
    this.#fill(this.#wanted());
  }

  /** The settings stay: their limits may drop messages that have no room, and empty queues that they do not ask for end. */
  configApplied(): void {
    for (const [name, { high, limits }] of this.#wanted()) {
      this.#queues.get(name)?.bound(high, limits);
    }
    this.tidy();
  }

  /** Deletes all queues with their messages. */
  end(): void {
    for (const queue of this.#queues.values()) {
      queue.ended = true;
      this.#end(queue.key);
    }
    this.#queues.clear();
    for (const { stored } of this.#waiting) this.#end(stored.key);
    this.#waiting = [];
  }

  /** No message comes any more: what is empty ends, the rest is kept. */
  park(): void {
    this.#parked = true;
    this.tidy();
  }

  /** Whether nothing is stored for the uplink. */
  get isEmpty(): boolean {
    return this.#queues.size === 0 && this.#waiting.length === 0;
  }

  /** Ends empty queues that the config does not ask for, and fills the slots that are free. */
  tidy(): void {
    const wanted = this.#wanted();
    for (const [name, queue] of this.#queues) {
      if (wanted.has(name) || queue.queue.count > 0 || this.#parts.inUse(queue)) continue;
      queue.ended = true;
      this.#queues.delete(name);
      this.#keepNumber(queue);
      this.#end(queue.key);
    }
    this.#fill(wanted);
  }

  /** Discards all queued messages that are not in flight; resolves with their number. */
  async purge(report: ReportShare): Promise<number> {
    let purged = 0;
    for (const { stored } of this.#waiting) {
      purged += stored.queue.count;
      this.#end(stored.key);
    }
    this.#waiting = [];
    const counts = await Promise.all(
      [...this.#queues.values()].map((queue) => queue.purge(report)),
    );
    this.tidy();
    return counts.reduce((sum, count) => sum + count, purged);
  }

  /** What the config asks for, by name. */
  #wanted(): ReadonlyMap<string, QueueSettings> {
    if (this.#parked) return new Map();
    const config = this.#parts.config();
    const wanted = new Map([
      [NORMAL, { high: false, limits: config.queue }],
      [HIGH, { high: true, limits: config.queue }],
    ]);
    if (config.live > 0) wanted.set(LIVE, { high: false, limits: config.queue });
    for (const { out, priority, queue } of config.out) {
      if (queue) wanted.set(`route ${out}`, { high: priority === 'high', limits: queue });
    }
    return wanted;
  }

  #nameOf({ clientId }: StoredSession): string {
    const rest = clientId.slice(storedPrefix(this.#parts.config().name).length);
    return /^\d+\/(.*)$/s.exec(rest)?.[1] ?? rest;
  }

  #slotOf({ clientId }: StoredSession): number | undefined {
    const rest = clientId.slice(storedPrefix(this.#parts.config().name).length);
    const slot = Number(/^(\d{1,9})\//.exec(rest)?.[1] ?? Number.NaN);
    return slot < SLOTS ? slot : undefined;
  }

  /** Gives free slots to the queues on disk that wait and to those that the config asks for. */
  #fill(wanted: ReadonlyMap<string, QueueSettings>): void {
    const stored = new Map(this.#waiting.map((one) => [one.name, one.stored]));
    const candidates: Candidate[] = [...stored].map(([name, one]) => {
      const isBase = !name.startsWith('route ');
      const rank = wanted.has(name) ? (isBase ? 0 : 1) : 2;
      return { name, rank, slot: this.#slotOf(one) };
    });
    for (const name of wanted.keys()) {
      if (stored.has(name) || this.#queues.has(name)) continue;
      candidates.push({ name, rank: name.startsWith('route ') ? 3 : 0, slot: undefined });
    }
    const used = new Set([...this.#queues.values()].map(({ slot }) => slot));
    const slots = planSlots(candidates, used);
    for (const [name, slot] of slots) {
      const settings = wanted.get(name) ?? { high: false, limits: this.#parts.config().queue };
      this.#add(name, slot, settings, stored.get(name));
    }
    this.#waiting = this.#waiting.filter(({ name }) => !slots.has(name));
    this.#missing = candidates.filter(({ name }) => !stored.has(name) && !slots.has(name)).length;
  }

  #add(
    name: string,
    slot: number,
    { high, limits }: QueueSettings,
    stored: StoredSession | undefined,
  ): void {
    const { store } = this.#parts;
    const key = stored?.key ?? store.takeSessionKey();
    const before = stored ?? this.#numberOf(slot);
    const parts: UplinkQueueParts = {
      ...this.#parts,
      journal: store.journal,
      load: (session, seq, limit) => store.load(session, seq, limit),
    };
    const identity = { name, slot, key, high, live: name === LIVE };
    // First: a queue that can't be made must not be on disk.
    this.#queues.set(name, new UplinkQueue(parts, identity, limits, before));
    const clientId = `${storedPrefix(this.#parts.config().name)}${slot}/${name}`;
    if (stored?.clientId === clientId) return;
    store.journal.add(['openSession', key, clientId, this.#parts.now(), NEVER]);
    if (before.sent > 0) store.journal.add(['sessionSent', before.sent, key]);
  }

  #end(key: number): void {
    this.#parts.store.journal.add(['endSession', key]);
  }

  /**
   * The next queue of the slot continues its numbers: an address of the plant may still have a QoS 2 message of this
   * one, which is recognised by them.
   */
  #keepNumber({ slot, lastSeq }: UplinkQueue): void {
    this.#parts.store.state.setNow(this.#owner, `slot ${slot}`, lastSeq);
  }

  #numberOf(slot: number): Pick<StoredSession, 'sent' | 'queue'> {
    const kept = this.#parts.store.state.of(this.#owner).get(`slot ${slot}`);
    const isNumber = Number.isSafeInteger(kept) && (kept as number) > 0;
    const sent = isNumber && (kept as number) < 2 ** 39 ? (kept as number) : 0;
    return { sent, queue: { first: 0, last: 0, count: 0, bytes: 0, oldestAt: 0 } };
  }

  get #owner(): string {
    return `$uplink/${this.#parts.config().name}`;
  }
}
