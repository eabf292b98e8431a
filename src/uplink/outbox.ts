import type { Publication, Subscriber } from '../broker/messages/publication.ts';
import { OWN_SESSION } from '../broker/messages/sessions.ts';
import type { DropCounter } from '../broker/stats/drop-counter.ts';
import type { QueueConfig } from '../config/schema/queue.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { QueueDrop } from '../queue/bounded-queue.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { Store } from '../store/store.ts';
import type { PlantTransport } from './plant-transport.ts';
import type { Routes } from './routes.ts';
import { Sender } from './sender.ts';
import { QUEUE_PACKET_IDS, UplinkQueue, type UplinkQueueParts } from './uplink-queue.ts';

/** What decides over the messages at present. */
export interface CurrentRouting {
  readonly config: UplinkConfig;
  readonly routes: Routes;
  /** What the plant takes each message with beside its topic and payload: MQTT 5 properties. */
  readonly properties: Buffer | undefined;
}

export interface OutboxParts {
  way(): CurrentRouting;
  readonly store: Store;
  readonly drops: DropCounter;
  /** Milliseconds that never jump and go on over restarts. */
  now(): number;
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Hears of every message that was sent, by its local topic. */
  onSent?(topic: string, body: Buffer, start: number): void;
  /** A better payload than the one that was kept. */
  correct?(payload: Buffer): Buffer | undefined;
}

/** What waits, for people and programs. Milliseconds, bytes, messages a second. */
export interface OutboxStatus {
  readonly queued: number;
  readonly bytes: number;
  readonly inFlight: number;
  readonly oldestAge: number | null;
  readonly sent: number;
  readonly rate: number;
  /** When the queue will be empty at the present rate; null when nobody can tell. */
  readonly eta: number | null;
  readonly dropped: Readonly<Record<string, number>>;
  readonly deadLetters: number;
}

const EXPIRE_EVERY_MS = 5000;
const RATE_OVER_S = 10;
/** Lanes that every uplink has; those of routes with a queue of their own come after. */
const NORMAL = 'normal';
const HIGH = 'high';
const LIVE = 'live';

/** A session whose client is a plant: its lanes on disk, and what of them is in flight. */
export class Outbox implements Subscriber {
  readonly persistent = true;
  readonly sender: Sender;
  readonly dropped = new Map<string, number>();
  deadLetters = 0;
  readonly #parts: OutboxParts;
  readonly #lanes = new Map<string, UplinkQueue>();
  #expiry: NodeJS.Timeout | undefined;
  #rated = { at: 0, sent: 0, rate: 0 };

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.sender = new Sender({
      ...parts,
      lanes: () => this.#lanes.values(),
      refuse: (entry, reason) => this.#refuse(entry, reason),
    });
  }

  /** Takes up what the store has found of it, and makes the lanes that are missing. */
  open(): void {
    const { store } = this.#parts;
    const { config } = this.#way;
    const prefix = `${OWN_SESSION}uplink/${config.name}/`;
    const wanted = this.#wanted();
    for (const stored of store.recovered.sessions) {
      if (!stored.clientId.startsWith(prefix)) continue;
      const [, slot = '', name = ''] =
        /^(\d+)\/(.*)$/.exec(stored.clientId.slice(prefix.length)) ?? [];
      const lane = wanted.get(name) ?? { high: false, limits: config.queue };
      this.#add(
        { name, slot: Number(slot), key: stored.key, high: lane.high },
        lane.limits,
        stored,
      );
    }
    this.#addMissing(wanted);
    this.#expiry = setInterval(() => this.#tick(), EXPIRE_EVERY_MS);
    this.#expiry.unref();
  }

  /** Another config is in force: lanes that are new are made, the bounds of the others are its own. */
  reconfigure(): void {
    const wanted = this.#wanted();
    for (const [name, { high, limits }] of wanted) this.#lanes.get(name)?.bound(high, limits);
    this.#addMissing(wanted);
    this.sender.pump();
  }

  #addMissing(wanted: ReadonlyMap<string, { high: boolean; limits: QueueConfig }>): void {
    const { store, now } = this.#parts;
    const prefix = `${OWN_SESSION}uplink/${this.#way.config.name}/`;
    const taken = new Set([...this.#lanes.values()].map(({ slot }) => slot));
    for (const [name, { high, limits }] of wanted) {
      if (this.#lanes.has(name)) continue;
      let slot = 0;
      while (taken.has(slot)) slot++;
      taken.add(slot);
      const key = store.takeSessionKey();
      store.journal.add(['openSession', key, `${prefix}${slot}/${name}`, now()]);
      this.#add({ name, slot, key, high }, limits);
    }
  }

  get #way(): CurrentRouting {
    return this.#parts.way();
  }

  close(): void {
    clearInterval(this.#expiry);
    this.sender.disconnect();
  }

  #wanted(): Map<string, { high: boolean; limits: QueueConfig }> {
    const { config } = this.#way;
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
    this.#lanes.set(identity.name, new UplinkQueue(parts, identity, limits, stored));
  }

  /** Takes what a route wants; messages that came from a plant go to none. */
  deliver(publication: Publication): void {
    if (publication.inbound) return;
    const sending = this.#way.routes.out(publication.topic);
    if (!sending) return;
    const { route } = sending;
    const cap = publication.qos === 0 ? route.qos : Math.min(publication.qos, route.qos);
    this.#laneOf(route).push(publication, cap === 2 ? 2 : 1);
    this.sender.pump();
  }

  #laneOf(route: UplinkConfig['out'][number]): UplinkQueue {
    const own = route.queue && this.#lanes.get(`route ${route.out}`);
    if (own) return own;
    if (route.priority === 'high') return this.#lanes.get(HIGH)!;
    const normal = this.#lanes.get(NORMAL)!;
    const live = this.#lanes.get(LIVE);
    const backlog = normal.queue.count > this.#way.config.inflight;
    return live && backlog && this.sender.flowing ? live : normal;
  }

  /** The line is up. Without `resumed` the plant knows nothing of what it was sent before. */
  async connect(wire: PlantTransport, resumed: boolean): Promise<void> {
    const { store } = this.#parts;
    if (!resumed) {
      for (const lane of this.#lanes.values()) lane.forgetSent();
      if (this.#way.config.out.some(({ qos }) => qos === 2)) await this.#forgetReleases(store);
    }
    this.sender.connect(wire, resumed);
  }

  /** On disk too: after a crash a release for a message that the plant never had would lose it. */
  #forgetReleases(store: Store): Promise<void> {
    return new Promise((resolve) => {
      const pendingAck = new PendingAck(resolve);
      for (const { key } of this.#lanes.values())
        store.journal.add(['unreleased', key], pendingAck);
      pendingAck.done();
    });
  }

  #drop(topic: string, reason: QueueDrop | 'refused' | 'no-route'): void {
    const route = this.#way.routes.out(topic)?.route.out ?? topic;
    const key = `${route} ${reason}`;
    this.dropped.set(key, (this.dropped.get(key) ?? 0) + 1);
    this.#parts.drops.count(`uplink ${this.#way.config.name}, route ${route}`, reason);
  }

  #refuse(entry: QueueEntry, reason: string): void {
    const { store, now } = this.#parts;
    this.deadLetters++;
    const body = new Uint8Array(entry.message.body);
    store.journal.add(['deadLetter', this.#way.config.name, now(), reason, body]);
    store.journal.discard(entry);
    this.#drop(topicOf(entry), 'refused');
  }

  #tick(): void {
    for (const lane of this.#lanes.values()) lane.expire();
    const at = this.#parts.monotonic();
    const { sent } = this.sender;
    const seconds = (at - this.#rated.at) / 1000;
    const recent = (sent - this.#rated.sent) / seconds;
    const weight = Math.min(1, seconds / RATE_OVER_S);
    const rate = this.#rated.rate + (recent - this.#rated.rate) * weight;
    this.#rated = { at, sent, rate: rate < 0.01 ? 0 : rate };
  }

  get queued(): number {
    let queued = this.sender.inFlight;
    for (const { queue } of this.#lanes.values()) queued += queue.count;
    return queued;
  }

  get status(): OutboxStatus {
    const lanes = [...this.#lanes.values()];
    const { inFlight, sent, oldestAt } = this.sender;
    const oldest = lanes.reduce(
      (least, { queue }) => Math.min(least, queue.peek()?.at ?? Number.POSITIVE_INFINITY),
      oldestAt ?? Number.POSITIVE_INFINITY,
    );
    const { queued } = this;
    const { rate } = this.#rated;
    return {
      queued,
      bytes: lanes.reduce((bytes, { queue }) => bytes + queue.bytes, 0),
      inFlight,
      oldestAge: Number.isFinite(oldest) ? Math.max(0, this.#parts.now() - oldest) : null,
      sent,
      rate: Math.round(rate * 10) / 10,
      eta: queued === 0 ? 0 : rate > 0 ? Math.round((queued / rate) * 1000) : null,
      dropped: Object.fromEntries(this.dropped),
      deadLetters: this.deadLetters,
    };
  }

  /** Forgets all that waits and is not in flight; resolves with how many that were. */
  async purge(): Promise<number> {
    const purged = await Promise.all([...this.#lanes.values()].map((lane) => lane.purge()));
    return purged.reduce((sum, count) => sum + count, 0);
  }
}
