import { type Faults, shortTopic } from '../base/faults.ts';
import { TopCounts } from '../base/top-counts.ts';
import type { Publication, Subscriber } from '../broker/messages/publication.ts';
import type { DropCounter } from '../broker/stats/drop-counter.ts';
import type { UplinkConfig } from '../config/schema/uplinks.ts';
import type { QueueDrop } from '../queue/bounded-queue.ts';
import { createMessage } from '../queue/message.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { ReportShare } from '../store/commit/queue-deletion.ts';
import type { StoredSession } from '../store/recovery/load-state.ts';
import type { Store } from '../store/store.ts';
import { FlowWatch } from './flow-watch.ts';
import { RefusedTopics } from './refused-topics.ts';
import type { CurrentRouting } from './routing.ts';
import { Sender } from './sender.ts';
import type { UplinkQueue } from './uplink-queue.ts';
import { HIGH, LIVE, NORMAL, UplinkQueues } from './uplink-queues.ts';

export interface OutboxParts {
  routing(): CurrentRouting;
  readonly store: Store;
  /** The queues that the last run has left for this plant. */
  stored(): readonly StoredSession[];
  /** Another sentence about what has no room, or undefined. */
  queueProblemChanged(problem: string | undefined): void;
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
/** Kinds of drops that are counted each, by route and reason; a message without a route is counted by its topic. */
const DROPS = 100;
/** The messages to one plant: their queues on disk, and the sender that empties the queues. */
export class Outbox implements Subscriber {
  readonly persistent = true;
  /** No publisher waits for an uplink: its queue on disk is for that. */
  readonly backlogged = undefined;
  readonly sender: Sender;
  readonly refusedTopics: RefusedTopics;
  readonly #parts: OutboxParts;
  readonly #queues: UplinkQueues;
  readonly #dropped = new TopCounts(DROPS);
  #hadProblem = false;
  #deadLetters = 0;
  #expiry: NodeJS.Timeout | undefined;
  #samples: NodeJS.Timeout | undefined;
  /** Messages that were queued, and their bytes. */
  readonly #arrived = { messages: 0, bytes: 0 };
  readonly #flow = new FlowWatch();

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#queues = new UplinkQueues({
      ...{ store: parts.store, now: parts.now },
      config: () => this.#routing.config,
      inUse: (queue) => this.sender.holds(queue),
      dropped: (topic, reason) => this.#drop(topic, reason),
      ready: () => this.sender.pump(),
      flowing: () => this.sender.flowing,
    });
    this.refusedTopics = new RefusedTopics(parts.monotonic);
    this.sender = new Sender({
      ...parts,
      refusedTopics: this.refusedTopics,
      queues: () => this.#queues.values(),
      refuse: (entry, reason) => this.#refuse(entry, reason),
      expired: (entry) => (entry.owner as UplinkQueue).dropped(entry, 'expired'),
      fault: (what, error) =>
        parts.faults.caught('send', `sending ${what} to ${this.label}`, error),
    });
  }

  /** Continues the stored queues, and creates missing ones. */
  open(): void {
    const { faults, stored } = this.#parts;
    // First: a queue that can't be added must not keep the others from dropping what is too old.
    const tick = (): void => {
      for (const queue of this.#queues.values()) queue.expire();
      this.#tidy();
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
    this.#queues.open(stored());
    this.#reportProblem();
  }

  /** Applies another config: creates missing queues. Nothing is lost by it until `configApplied`. */
  reconfigure(): void {
    this.#queues.reconfigure();
    this.#reportProblem();
    this.sender.pump();
  }

  /** The other config stays: changes the limits of the queues, and ends those that are not needed. */
  configApplied(): void {
    this.#queues.configApplied();
    this.#reportProblem();
  }

  /** No message comes any more, and none is sent: ends the queues that are empty. */
  park(): void {
    this.#queues.park();
    this.#reportProblem();
  }

  /** Whether nothing is stored for the plant. */
  get isEmpty(): boolean {
    return this.#queues.isEmpty;
  }

  /** Deletes all that is stored for a plant that is not used any more; returns how many messages that were. */
  end(): number {
    const messages = this.#queued;
    this.#queues.end();
    return messages;
  }

  /** What has no room; undefined if all has. */
  get queueProblem(): string | undefined {
    return this.#queues.problem;
  }

  #tidy(): void {
    this.#queues.tidy();
    this.#reportProblem();
  }

  #reportProblem(): void {
    const { problem } = this.#queues;
    const [had, has] = [this.#hadProblem, problem !== undefined];
    this.#hadProblem = has;
    if (had !== has) this.#parts.queueProblemChanged(problem);
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
    this.#dropped.add(`${route} ${reason}`);
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
    let { bytes } = this.#queues.waiting;
    for (const { queue } of this.#queues.values()) bytes += queue.bytes;
    return bytes;
  }

  get #queued(): number {
    let queued = this.sender.inFlight + this.#queues.waiting.messages;
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
      dropped: this.#dropped.top,
      deadLetters: this.#deadLetters,
    };
  }

  /** Deletes all queued messages that are not in flight; resolves with their number when that is on disk. */
  async purge(report: ReportShare): Promise<number> {
    const purged = await this.#queues.purge(report);
    this.#reportProblem();
    return purged;
  }
}
