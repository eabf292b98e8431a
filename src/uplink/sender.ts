import { shortTopic } from '../base/faults.ts';
import { encodePubrel } from '../mqtt/publish-encoder.ts';
import { hexCode, IDENTIFIER_IN_USE, isError, permanentRefusal } from '../mqtt/reason-codes.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf, WRITTEN } from '../queue/queue-entry.ts';
import type { Journal } from '../store/commit/journal.ts';
import type { Blame } from './failures.ts';
import { forgetSession } from './forget-session.ts';
import { IdentifiersInUse } from './identifiers-in-use.ts';
import { InFlight } from './in-flight.ts';
import {
  encodeOutgoing,
  type OutgoingParts,
  type OutgoingSource,
  outgoingParts,
} from './outgoing.ts';
import type { OpenMessage } from './plant-sessions.ts';
import type { PlantTransport } from './plant-transport.ts';
import { SendOrder, type SendOrderParts } from './send-order.ts';
import type { UplinkQueue } from './uplink-queue.ts';

export interface SenderParts
  extends OutgoingSource,
    Pick<SendOrderParts, 'refusedTopics' | 'monotonic'> {
  /** Its journal exists after the start of the store. */
  readonly store: {
    readonly journal: Pick<Journal, 'add' | 'discard' | 'flushSoon' | 'markSent'>;
  };
  /** Called for each message as it is sent: its local topic, its payload at [start, end of body), and whether it was sent before. */
  onSent?(topic: string, body: Buffer, start: number, again: boolean): void;
  queues(): Iterable<UplinkQueue>;
  /** Counts a fault of this program, which was sending `what`; gives the reason for a refusal. */
  fault(what: string, error: unknown): string;
  /** The plant will never accept the message. */
  refuse(entry: QueueEntry, reason: string): void;
  /** The message has expired before it was sent, or before the plant acknowledged it. */
  expired(entry: QueueEntry): void;
}

const DRAIN_POLL_MS = 20;
/** After so many temporary refusals a message counts as refused. */
const TRIES = 3;

/** Sends the queued messages in order, within the window, and keeps each until the plant acknowledges it. */
export class Sender {
  /** Messages that the plant has acknowledged since the start, and their bytes. */
  sent = 0;
  sentBytes = 0;
  readonly flight: InFlight;
  readonly #parts: SenderParts;
  readonly #order: SendOrder;
  #transport: PlantTransport | undefined;
  /** Counts connections: one that ends before it is used must not be used. */
  #connection = 0;
  readonly #inUse = new IdentifiersInUse();
  /** Temporary refusals of messages in flight. */
  readonly #refusals = new Map<QueueEntry, number>();
  #scheduled = false;
  #draining = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.flight = new InFlight(parts.monotonic);
    this.#order = new SendOrder({ ...parts, ready: () => this.pump() });
  }

  /** Messages sent, on this connection or before, and not acknowledged. */
  get inFlight(): number {
    return this.flight.size + this.#order.again.length;
  }

  /** Whether a message of the queue is in flight, or will be sent again. */
  holds(queue: UplinkQueue): boolean {
    return this.flight.holds(queue) || this.#order.again.some(({ owner }) => owner === queue);
  }

  get resendBytes(): number {
    return this.#order.again.reduce((sum, { message }) => sum + message.body.length, 0);
  }

  get connected(): boolean {
    return this.#transport !== undefined;
  }

  /** The QoS 2 messages that were sent on the connections before and are not complete. */
  get openMessages(): readonly OpenMessage[] {
    // A plant that does not take QoS 2 has none of them open.
    if (this.#order.maximumQos < 2) return [];
    const open = this.#order.again.filter(({ qos, sent }) => qos === 2 && sent);
    return open.map((entry) => [this.#packetIdOf(entry), entry.seq]);
  }

  #packetIdOf(entry: QueueEntry): number {
    return (entry.owner as UplinkQueue).packetIdOf(entry);
  }

  get flowing(): boolean {
    return this.#transport !== undefined && !this.#transport.congested;
  }

  /** What is suspected of ending the connection, and what the plant does not take; undefined if nothing is. */
  get messageProblem(): string | undefined {
    return this.#order.messageProblem;
  }

  /** Whether the last connection seems to have ended because of a message: the pauses do not grow then. */
  get endedByMessage(): boolean {
    return this.#order.endedByMessage;
  }

  /** When the oldest message in flight was queued, in milliseconds since the epoch. */
  get oldestAt(): number | undefined {
    return (this.#order.again[0] ?? this.flight.first)?.at;
  }

  /**
   * Starts to send, beginning with what the plant has not acknowledged. Without `resumed` the plant has lost its
   * session: all is sent as if for the first time. `open` are the QoS 2 messages that it may still have from before
   * another address was used. Resolves when sending has started, or the connection has ended.
   */
  async connect(
    transport: PlantTransport,
    resumed: boolean,
    open: readonly OpenMessage[] = [],
  ): Promise<void> {
    const connection = ++this.#connection;
    // Their messages were sent elsewhere meanwhile: without a release, their identifiers could not be used here again.
    const closed = open.filter(([packetId, seq]) => {
      return !this.#order.again.some(
        (entry) => entry.seq === seq && this.#packetIdOf(entry) === packetId,
      );
    });
    if (!resumed) {
      for (const entry of this.#order.again) {
        entry.released = false;
        entry.sent = false;
      }
      await forgetSession(this.#parts);
      if (connection !== this.#connection) return;
    }
    this.#transport = transport;
    this.#order.connected(transport);
    for (const [packetId] of closed) transport.write(encodePubrel(packetId));
    this.flight.acknowledged();
    this.pump();
  }

  /** `blame`: what the messages in flight have to do with the end. Returns a sentence if one is refused for it. */
  disconnect(blame: Blame = 'none'): string | undefined {
    this.#connection++;
    this.#transport = undefined;
    this.#draining = false;
    this.#inUse.clear();
    const refused = this.#order.disconnected(this.flight.disconnected(), blame);
    for (const queue of this.#parts.queues()) {
      this.#parts.store.journal.flushSoon(queue);
      queue.queue.spill();
    }
    return refused;
  }

  /** Sends no new messages on this connection; resolves when none is in flight, or after the time. */
  async drain(ms: number): Promise<void> {
    this.#draining = true;
    const until = this.#parts.monotonic() + ms;
    while (this.#draining && this.flight.size > 0 && this.#parts.monotonic() < until) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /** Sends as much as window, socket and disk permit, once at the end of the turn of the event loop. */
  pump(): void {
    if (this.#scheduled || !this.#transport) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#send();
      } catch (error) {
        // What is in flight is not known: it is sent again on another connection.
        this.#transport?.giveUp(this.#parts.fault('messages', error));
      }
    });
  }

  #send(): void {
    const transport = this.#transport;
    if (!transport || this.#draining) return;
    const order = this.#order;
    const parts = outgoingParts(this.#parts, transport, order.maximumQos);
    const window = Math.min(parts.routing.config.inflight, transport.receiveMaximum);
    const frames: Buffer[] = [];
    order.begin();
    while (!transport.congested && !this.flight.isFull) {
      const entry = order.next(window, this.flight.size, this.sent);
      if (!entry) break;
      try {
        const frame = this.#frame(entry, parts);
        if (frame) frames.push(frame);
      } catch (error) {
        const what = `a message of ${shortTopic(topicOf(entry))}`;
        this.#order.left(entry);
        this.#parts.refuse(entry, this.#parts.fault(what, error));
      }
    }
    if (frames.length > 0) {
      transport.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    }
  }

  /** The packet of the entry, which is in flight from then on; undefined if it is not sent. */
  #frame(entry: QueueEntry, parts: OutgoingParts): Buffer | undefined {
    const { store } = this.#parts;
    const queue = entry.owner as UplinkQueue;
    const packetId = this.#packetIdOf(entry);
    const outgoing = encodeOutgoing(entry, packetId, parts);
    if (outgoing.kind === 'refused' || outgoing.kind === 'expired') {
      this.#order.answered(entry, false);
      this.#order.left(entry);
      if (outgoing.kind === 'refused') this.#parts.refuse(entry, outgoing.reason);
      else this.#parts.expired(entry);
      return undefined;
    }
    if (outgoing.kind === 'pubrel') entry.released = true;
    if (outgoing.kind === 'publish') {
      const { body, start, qos } = outgoing.packet;
      this.#parts.onSent?.(topicOf(entry), body, start, entry.sent);
      if (qos === 0 && !outgoing.isProven) {
        store.journal.discard(entry);
        this.#order.left(entry);
        this.#count(entry);
        return outgoing.frame;
      }
      this.#inUse.sent(packetId, entry.sent);
      entry.sent = true;
      if (entry.seq > queue.sent) queue.sent = entry.seq;
      if (entry.written === WRITTEN) store.journal.markSent(queue);
    }
    this.flight.add(packetId, entry);
    return outgoing.frame;
  }

  /** PUBACK, or PUBREC with an error. */
  acknowledged(packetId: number, reason: number): void {
    const entry = this.flight.get(packetId);
    if (!entry) return this.#order.connectionWorks();
    this.flight.acknowledged();
    if (isError(reason)) this.#refused(packetId, entry, reason);
    else this.#done(packetId, entry);
  }

  /** PUBREC: PUBREL is sent when it is on disk that the PUBLISH must not be repeated. */
  received(packetId: number, reason: number): void {
    const isInUse = reason === IDENTIFIER_IN_USE;
    if (isError(reason) && !isInUse) return this.acknowledged(packetId, reason);
    this.flight.acknowledged();
    const entry = this.flight.get(packetId);
    const transport = this.#transport;
    if (!entry || (isInUse && this.#inUse.isOther(packetId))) {
      transport?.write(encodePubrel(packetId));
      return;
    }
    entry.released = true;
    this.#order.answered(entry, true);
    const pendingAck = new PendingAck(() => {
      if (this.#transport === transport) transport?.write(encodePubrel(packetId));
    });
    this.#parts.store.journal.add(['released', entry.owner!.key, entry.seq], pendingAck);
    pendingAck.done();
  }

  /** PUBCOMP: the message has arrived exactly once. */
  completed(packetId: number): void {
    const entry = this.flight.get(packetId);
    if (!entry) return;
    this.flight.acknowledged();
    if (entry.released) this.#done(packetId, entry);
    else if (this.#inUse.released(packetId)) {
      this.#removeInFlight(packetId, entry);
      this.#order.sendFirst(entry);
      this.pump();
    }
  }

  #done(packetId: number, entry: QueueEntry): void {
    this.#order.answered(entry, true);
    this.#removeInFlight(packetId, entry);
    this.#parts.store.journal.discard(entry);
    this.#count(entry);
    this.pump();
  }

  #count(entry: QueueEntry): void {
    this.sent++;
    this.sentBytes += entry.message.body.length;
  }

  #removeInFlight(packetId: number, entry: QueueEntry): void {
    this.flight.remove(packetId, entry);
    this.#refusals.delete(entry);
    this.#order.left(entry);
  }

  #refused(packetId: number, entry: QueueEntry, reason: number): void {
    const hex = hexCode(reason);
    const permanent = permanentRefusal(reason);
    const refusals = (this.#refusals.get(entry) ?? 0) + 1;
    if (permanent === undefined && refusals < TRIES) {
      this.#refusals.set(entry, refusals);
      this.#order.deferred(entry);
      this.#transport?.giveUp(`the plant does not take messages for the moment (reason ${hex})`);
      return;
    }
    this.#removeInFlight(packetId, entry);
    this.#order.answered(entry, false);
    this.#order.refuse(entry, `${permanent ?? `refused ${TRIES} times`} (${hex})`);
    this.pump();
  }
}
