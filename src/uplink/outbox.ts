import { type Faults, shortTopic } from '../base/faults.ts';
import type { Publication, Subscriber } from '../broker/messages/publication.ts';
import { OWN_SESSION } from '../broker/messages/sessions.ts';
import type { DropCounter } from '../broker/stats/drop-counter.ts';
import type { QueueConfig } from '../config/schema/queue.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import { NEVER } from '../mqtt/properties.ts';
import type { QueueDrop } from '../queue/bounded-queue.ts';
import { createMessage } from '../queue/message.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { Store } from '../store/store.ts';
import { FlowWatch } from './flow-watch.ts';
import type { CurrentRouting } from './routing.ts';
import { Sender } from './sender.ts';
import { QUEUE_PACKET_IDS, UplinkQueue, type UplinkQueueParts } from './uplink-queue.ts';

export interface OutboxParts {
  routing(): CurrentRouting;
  readonly store: Store;
  readonly drops: DropCounter;
  readonly faults: Faults;
  /** Milliseconds that never jump and continue over restarts. */
  now(): number;
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** How long the plant has taken no bytes, in milliseconds. */
  undeliveredMs(): number;
  /** Called once a second: `problem` may be another one. */
  flowSampled(): void;
  /** Called for each message as it is sent: its local topic, its payload at [start, end of body), and whether it was sent before. */
  onSent?(topic: string, body: Buffer, start: number, again: boolean): void;
  /** Returns a better payload than the one in the queue. */
  correct?(payload: Buffer): Buffer | undefined;
}

/** Numbers about the queued messages, in milliseconds, bytes and messages a second. */
export interface OutboxStatus {
  readonly queued: number;
  readonly bytes: number;
  readonly inFlight: number;
  readonly oldestAge: number | null;
  readonly sent: number;
  readonly rate: number;
  /** When the queue will be empty, as much as it is filled meanwhile; null while that can't be said. */
  readonly eta: number | null;
  readonly dropped: Readonly<Record<string, number>>;
  readonly deadLetters: number;
}

const EXPIRE_EVERY_MS = 5000;
const SAMPLE_MS = 1000;
/** The queues of every uplink, with the live queue if it has a share; the queues of single routes follow. */
const NORMAL = 'normal';
const HIGH = 'high';
const LIVE = 'live';

interface QueueSettings {
  readonly high: boolean;
  readonly limits: QueueConfig;
}

/** The messages to one plant: their queues on disk, and the sender that empties the queues. */
export class Outbox implements Subscriber {
  readonly persistent = true;
  /** No publisher waits for an uplink: its queue on disk is for that. */
  readonly backlogged = undefined;
  readonly sender: Sender;
  readonly #parts: OutboxParts;
  readonly #queues = new Map<string, UplinkQueue>();
  readonly #dropped = new Map<string, number>();
  #deadLetters = 0;
  #expiry: NodeJS.Timeout | undefined;
  #samples: NodeJS.Timeout | undefined;
  /** Messages that were queued, and their bytes. */
  readonly #arrived = { messages: 0, bytes: 0 };
  readonly #flow = new FlowWatch();

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.sender = new Sender({
      ...parts,
      queues: () => this.#queues.values(),
      refuse: (entry, reason) => this.#refuse(entry, reason),
      expired: (entry) => (entry.owner as UplinkQueue).dropped(entry, 'expired'),
      fault: (what, error) =>
        parts.faults.caught('send', `sending ${what} to ${this.label}`, error),
    });
  }

  /** Continues the stored queues, and creates missing ones. */
  open(): void {
    const { store, faults } = this.#parts;
    const { config } = this.#routing;
    const prefix = `${OWN_SESSION}uplink/${config.name}/`;
    const wanted = this.#wanted();
    for (const stored of store.recovered.sessions) {
      if (!stored.clientId.startsWith(prefix)) continue;
      const [, slot = '', name = ''] =
        /^(\d+)\/(.*)$/.exec(stored.clientId.slice(prefix.length)) ?? [];
      const { high, limits } = wanted.get(name) ?? { high: false, limits: config.queue };
      this.#add({ name, slot: Number(slot), key: stored.key, high }, limits, stored);
    }
    // First: a queue that can't be added must not keep the others from dropping what is too old.
    const tick = (): void => {
      for (const queue of this.#queues.values()) queue.expire();
    };
    this.#expiry = setInterval(
      faults.guard('send', `dropping old messages of ${this.label}`, tick),
      EXPIRE_EVERY_MS,
    );
    this.#expiry.unref();
    const sample = (): void => this.#sample();
    const what = `measuring the flow to ${this.label}`;
    this.#samples = setInterval(faults.guard('send', what, sample), SAMPLE_MS);
    this.#samples.unref();
    this.#addMissing(wanted);
  }

  /** Applies another config: creates missing queues, and changes the limits of the others. */
  reconfigure(): void {
    const wanted = this.#wanted();
    for (const [name, { high, limits }] of wanted) this.#queues.get(name)?.bound(high, limits);
    this.#addMissing(wanted);
    this.sender.pump();
  }

  #addMissing(wanted: ReadonlyMap<string, QueueSettings>): void {
    const { store, now } = this.#parts;
    const prefix = `${OWN_SESSION}uplink/${this.#routing.config.name}/`;
    const taken = new Set([...this.#queues.values()].map(({ slot }) => slot));
    for (const [name, { high, limits }] of wanted) {
      if (this.#queues.has(name)) continue;
      let slot = 0;
      while (taken.has(slot)) slot++;
      taken.add(slot);
      const key = store.takeSessionKey();
      store.journal.add(['openSession', key, `${prefix}${slot}/${name}`, now(), NEVER]);
      this.#add({ name, slot, key, high }, limits);
    }
  }

  get label(): string {
    return `uplink ${this.#routing.config.name}`;
  }

  get #routing(): CurrentRouting {
    return this.#parts.routing();
  }

  close(): void {
    clearInterval(this.#expiry);
    clearInterval(this.#samples);
    this.sender.disconnect();
  }

  #wanted(): Map<string, QueueSettings> {
    const { config } = this.#routing;
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

  #add(
    identity: { name: string; slot: number; key: number; high: boolean },
    limits: QueueConfig,
    stored?: ConstructorParameters<typeof UplinkQueue>[3],
  ): void {
    if ((identity.slot + 1) * QUEUE_PACKET_IDS > 64_000)
      throw new Error(`too many queues for one uplink`);
    const { store, now } = this.#parts;
    const parts: UplinkQueueParts = {
      journal: store.journal,
      load: (key, seq, limit) => store.load(key, seq, limit),
      now,
      dropped: (topic, reason) => this.#drop(topic, reason),
      ready: () => this.sender.pump(),
      flowing: () => this.sender.flowing,
    };
    this.#queues.set(
      identity.name,
      new UplinkQueue(parts, { ...identity, live: identity.name === LIVE }, limits, stored),
    );
  }

  /** Queues a message that a route matches. Messages received from a plant are not sent to any plant. */
  deliver(publication: Publication): void {
    if (publication.inbound) return;
    const sending = this.#routing.routes.out(publication.topic);
    if (!sending) return;
    const { route } = sending;
    const cap = publication.qos === 0 ? route.qos : Math.min(publication.qos, route.qos);
    this.#queueOf(route).push(publication, cap === 2 ? 2 : 1);
    this.#arrived.messages++;
    this.#arrived.bytes += publication.keep().body.length;
    this.sender.pump();
  }

  #queueOf(route: UplinkConfig['out'][number]): UplinkQueue {
    const own = route.queue && this.#queues.get(`route ${route.out}`);
    if (own) return own;
    if (route.priority === 'high') return this.#queues.get(HIGH)!;
    const normal = this.#queues.get(NORMAL)!;
    const live = this.#queues.get(LIVE);
    const backlog = normal.queue.count > this.#routing.config.inflight;
    return live && backlog && this.sender.flowing ? live : normal;
  }

  #drop(topic: string, reason: QueueDrop | 'refused' | 'no-route'): void {
    const route = this.#routeOf(topic);
    const key = `${route} ${reason}`;
    this.#dropped.set(key, (this.#dropped.get(key) ?? 0) + 1);
    this.#parts.drops.count(`uplink ${this.#routing.config.name}, route ${route}`, reason);
  }

  /** The filter of the route, or the topic where there is none. */
  #routeOf(topic: string): string {
    try {
      return this.#routing.routes.out(topic)?.route.out ?? topic;
    } catch (error) {
      const what = `finding the route of ${shortTopic(topic)} to ${this.label}`;
      this.#parts.faults.caught('send', what, error);
      return topic;
    }
  }

  /** A message from the plant that can't be published here; resolves when it is on disk with its reason. */
  refuseReceived(topic: string, payload: Uint8Array, reason: string): Promise<void> {
    const { store, now } = this.#parts;
    const { name } = this.#routing.config;
    const body = new Uint8Array(createMessage(topic, payload).body);
    this.#deadLetters++;
    return new Promise((resolve) => {
      const pendingAck = new PendingAck(resolve);
      const sentence = `from the plant, not published here: ${reason}`;
      store.journal.add(['deadLetter', name, now(), sentence, body], pendingAck);
      pendingAck.done();
    });
  }

  #refuse(entry: QueueEntry, reason: string): void {
    const { store, now } = this.#parts;
    this.#deadLetters++;
    const body = entry.message.plainBody;
    store.journal.add(['deadLetter', this.#routing.config.name, now(), reason, body]);
    store.journal.discard(entry);
    this.#drop(topicOf(entry), 'refused');
  }

  #sample(): void {
    const { sender } = this;
    this.#flow.sample(
      {
        connected: sender.connected,
        arrived: this.#arrived.messages,
        arrivedBytes: this.#arrived.bytes,
        sent: sender.sent,
        sentBytes: sender.sentBytes,
        queued: this.#queued,
        queuedBytes: this.#bytes + sender.flight.bytes + sender.resendBytes,
        undeliveredMs: this.#parts.undeliveredMs(),
        ...sender.flight.sample,
        drainRate: this.#routing.config.drainRate,
      },
      this.#parts.monotonic(),
    );
    this.#parts.flowSampled();
  }

  /** What is wrong with the flow of the messages. */
  get problem(): FlowWatch['problem'] {
    return this.#flow.problem;
  }

  get #bytes(): number {
    let bytes = 0;
    for (const { queue } of this.#queues.values()) bytes += queue.bytes;
    return bytes;
  }

  get #queued(): number {
    let queued = this.sender.inFlight;
    for (const { queue } of this.#queues.values()) queued += queue.count;
    return queued;
  }

  get status(): OutboxStatus {
    const queues = [...this.#queues.values()];
    const { inFlight, sent, oldestAt } = this.sender;
    const oldest = queues.reduce(
      (least, { queue }) => Math.min(least, queue.peek()?.at ?? Number.POSITIVE_INFINITY),
      oldestAt ?? Number.POSITIVE_INFINITY,
    );
    const queued = this.#queued;
    return {
      queued,
      bytes: this.#bytes,
      inFlight,
      oldestAge: Number.isFinite(oldest) ? Math.max(0, this.#parts.now() - oldest) : null,
      sent,
      rate: Math.round(this.#flow.rate * 10) / 10,
      eta: this.#flow.eta(queued),
      dropped: Object.fromEntries(this.#dropped),
      deadLetters: this.#deadLetters,
    };
  }

  /** Deletes all queued messages that are not in flight; resolves with their number. */
  async purge(): Promise<number> {
    const purged = await Promise.all([...this.#queues.values()].map((queue) => queue.purge()));
    return purged.reduce((sum, count) => sum + count, 0);
  }
}
