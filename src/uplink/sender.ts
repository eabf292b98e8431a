import { shortTopic } from '../base/faults.ts';
import { encodePubrel } from '../mqtt/publish-encoder.ts';
import { hexCode, isError, permanentRefusal } from '../mqtt/reason-codes.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf, WRITTEN } from '../queue/queue-entry.ts';
import type { Journal } from '../store/commit/journal.ts';
import { encodeOutgoing, type OutgoingParts } from './outgoing.ts';
import type { PlantTransport } from './plant-transport.ts';
import { PoisonMessageDetector } from './poison-message.ts';
import { QueueScheduler } from './queue-scheduler.ts';
import type { CurrentRouting } from './routing.ts';
import type { UplinkQueue } from './uplink-queue.ts';

export interface SenderParts {
  routing(): CurrentRouting;
  /** Its journal exists after the start of the store. */
  readonly store: {
    readonly journal: Pick<Journal, 'add' | 'discard' | 'flushSoon' | 'markSent'>;
  };
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Called for each message as it is sent: its local topic, and its payload at [start, end of body). */
  onSent?(topic: string, body: Buffer, start: number): void;
  /** Returns a better payload than the one in the queue. */
  correct?(payload: Buffer): Buffer | undefined;
  queues(): Iterable<UplinkQueue>;
  /** Counts a fault of this program, which was sending `what`; gives the reason for a refusal. */
  fault(what: string, error: unknown): string;
  /** The plant will never accept the message. */
  refuse(entry: QueueEntry, reason: string): void;
}

/** The most bytes in flight: on a slow connection urgent messages must not wait long. */
const INFLIGHT_BYTES = 1024 * 1024;
/** More messages are sent when at most this part of the window is in flight, because one write of many costs less. */
const REFILL = 0.75;
/** After so many temporary refusals a message counts as refused. */
const TRIES = 3;

/** Sends the queued messages in order, within the window, and keeps each until the plant acknowledges it. */
export class Sender {
  /** Messages that the plant has acknowledged since the start. */
  sent = 0;
  readonly #parts: SenderParts;
  readonly #scheduler: QueueScheduler;
  readonly #poison = new PoisonMessageDetector();
  #transport: PlantTransport | undefined;
  /** Counts connections: one that ends before it is used must not be used. */
  #connection = 0;
  readonly #inFlight = new Map<number, QueueEntry>();
  #bytes = 0;
  /** In flight when the connection was lost, in order: sent again first. */
  #resend: QueueEntry[] = [];
  /** Temporary refusals of messages in flight. */
  readonly #refusals = new Map<QueueEntry, number>();
  #lastAckAt = 0;
  /** When a message was last sent while none was in flight. */
  #busySince = 0;
  #scheduled = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.#scheduler = new QueueScheduler({ ...parts, ready: () => this.pump() });
  }

  /** Messages sent, on this connection or before, and not acknowledged. */
  get inFlight(): number {
    return this.#inFlight.size + this.#resend.length;
  }

  get flowing(): boolean {
    return this.#transport !== undefined && !this.#transport.congested;
  }

  /** When the oldest message in flight was queued, in milliseconds since the epoch. */
  get oldestAt(): number | undefined {
    const first = this.#resend[0] ?? this.#inFlight.values().next().value;
    return first?.at;
  }

  /** The number of messages sent on this connection, if none of them was acknowledged for `timeoutMs`; otherwise 0. */
  overdue(timeoutMs: number): number {
    const since = Math.max(this.#lastAckAt, this.#busySince);
    return this.#parts.monotonic() - since < timeoutMs ? 0 : this.#inFlight.size;
  }

  /**
   * Starts to send, beginning with what the plant has not acknowledged. Without `resumed` the plant has lost its
   * session: all is sent as if for the first time. Resolves when sending has started, or the connection has ended.
   */
  async connect(transport: PlantTransport, resumed: boolean): Promise<void> {
    const connection = ++this.#connection;
    if (!resumed) {
      for (const entry of this.#resend) {
        entry.released = false;
        entry.sent = false;
      }
      await this.#forgetSession();
      if (connection !== this.#connection) return;
    }
    this.#transport = transport;
    this.#poison.connected();
    this.#lastAckAt = this.#parts.monotonic();
    this.pump();
  }

  /** Stored PUBRECs are undone: after a crash, PUBREL would be sent for messages that the new session does not have. */
  async #forgetSession(): Promise<void> {
    const { queues, routing, store } = this.#parts;
    for (const queue of queues()) queue.forgetSent();
    if (!routing().config.out.some(({ qos }) => qos === 2)) return;
    await new Promise<void>((resolve) => {
      const pendingAck = new PendingAck(resolve);
      for (const { key } of queues()) store.journal.add(['unreleased', key], pendingAck);
      pendingAck.done();
    });
  }

  disconnect(): void {
    this.#connection++;
    this.#transport = undefined;
    this.#scheduler.stop();
    const inFlight = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#bytes = 0;
    const poison = this.#poison.disconnected(inFlight);
    this.#resend = [...inFlight.filter((entry) => entry !== poison), ...this.#resend];
    if (poison) this.#parts.refuse(poison, 'the plant ends the connection whenever it is sent');
    for (const queue of this.#parts.queues()) {
      this.#parts.store.journal.flushSoon(queue);
      queue.queue.spill();
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
    if (!transport) return;
    const { correct } = this.#parts;
    const routing = this.#parts.routing();
    const { inflight } = routing.config;
    const parts: OutgoingParts = { routing, plant: transport, correct };
    const window = this.#poison.suspected ? 1 : Math.min(inflight, transport.receiveMaximum);
    const frames: Buffer[] = [];
    // Part of the window stays free for urgent messages.
    const usual = Math.max(1, window - Math.max(1, Math.floor(window / 10)));
    const refill = this.#inFlight.size <= usual * REFILL;
    while (!transport.congested && this.#bytes < INFLIGHT_BYTES) {
      const used = this.#inFlight.size;
      if (used >= window) break;
      const entry =
        this.#resend.shift() ?? this.#scheduler.next(!refill || used >= usual, this.sent);
      if (!entry) break;
      try {
        const frame = this.#frame(entry, parts);
        if (frame) frames.push(frame);
      } catch (error) {
        const what = `a message of ${shortTopic(topicOf(entry))}`;
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
    const packetId = queue.packetIdOf(entry);
    const outgoing = encodeOutgoing(entry, packetId, parts);
    if (outgoing.kind === 'refused') {
      this.#parts.refuse(entry, outgoing.reason);
      return undefined;
    }
    if (outgoing.kind === 'publish') {
      const { body, start, qos } = outgoing.packet;
      this.#parts.onSent?.(topicOf(entry), body, start);
      if (qos === 0) {
        store.journal.discard(entry);
        this.sent++;
        return outgoing.frame;
      }
      entry.sent = true;
      if (entry.seq > queue.sent) queue.sent = entry.seq;
      if (entry.written === WRITTEN) store.journal.markSent(queue);
    }
    this.#addInFlight(packetId, entry);
    return outgoing.frame;
  }

  #addInFlight(packetId: number, entry: QueueEntry): void {
    if (this.#inFlight.size === 0) this.#busySince = this.#parts.monotonic();
    this.#inFlight.set(packetId, entry);
    this.#bytes += entry.message.body.length;
  }

  /** PUBACK, or PUBREC with an error. */
  acknowledged(packetId: number, reason: number): void {
    const entry = this.#inFlight.get(packetId);
    if (!entry) {
      this.#poison.connectionWorks();
      return;
    }
    this.#acknowledgedSome();
    if (isError(reason)) this.#refused(packetId, entry, reason);
    else this.#done(packetId, entry);
  }

  /** PUBREC: PUBREL is sent when it is on disk that the PUBLISH must not be repeated. */
  received(packetId: number, reason: number): void {
    if (isError(reason)) return this.acknowledged(packetId, reason);
    this.#acknowledgedSome();
    const entry = this.#inFlight.get(packetId);
    const transport = this.#transport;
    if (!entry) {
      transport?.write(encodePubrel(packetId));
      return;
    }
    entry.released = true;
    const pendingAck = new PendingAck(() => {
      if (this.#transport === transport) transport?.write(encodePubrel(packetId));
    });
    this.#parts.store.journal.add(['released', entry.owner!.key, entry.seq], pendingAck);
    pendingAck.done();
  }

  /** PUBCOMP: the message has arrived exactly once. */
  completed(packetId: number): void {
    const entry = this.#inFlight.get(packetId);
    if (!entry?.released) return;
    this.#lastAckAt = this.#parts.monotonic();
    this.#done(packetId, entry);
  }

  #acknowledgedSome(): void {
    this.#poison.acknowledged();
    this.#lastAckAt = this.#parts.monotonic();
  }

  #done(packetId: number, entry: QueueEntry): void {
    this.#removeInFlight(packetId, entry);
    this.#parts.store.journal.discard(entry);
    this.sent++;
    this.pump();
  }

  #removeInFlight(packetId: number, entry: QueueEntry): void {
    this.#inFlight.delete(packetId);
    this.#bytes -= entry.message.body.length;
    this.#refusals.delete(entry);
  }

  #refused(packetId: number, entry: QueueEntry, reason: number): void {
    const hex = hexCode(reason);
    const permanent = permanentRefusal(reason);
    const refusals = (this.#refusals.get(entry) ?? 0) + 1;
    if (permanent === undefined && refusals < TRIES) {
      this.#refusals.set(entry, refusals);
      this.#transport?.giveUp(`the plant does not take messages for the moment (reason ${hex})`);
      return;
    }
    this.#removeInFlight(packetId, entry);
    this.#parts.refuse(
      entry,
      permanent ? `${permanent} (${hex})` : `refused ${TRIES} times (${hex})`,
    );
    this.pump();
  }
}
