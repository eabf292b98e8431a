import {
  encodePublish,
  encodePubrel,
  type OutgoingPublish,
  publishSize,
} from '../mqtt/publish-encoder.ts';
import { PendingAck } from '../queue/pending-ack.ts';
import { type QueueEntry, topicOf, WRITTEN } from '../queue/queue-entry.ts';
import type { Store } from '../store/store.ts';
import type { CurrentRouting } from './outbox.ts';
import { PERMANENT_REFUSALS, type PlantTransport } from './plant-transport.ts';
import { PoisonMessageDetector } from './poison-message.ts';
import type { Sending } from './routes.ts';
import type { UplinkQueue } from './uplink-queue.ts';

export interface SenderParts {
  way(): CurrentRouting;
  readonly store: Store;
  monotonic(): number;
  onSent?(topic: string, body: Buffer, start: number): void;
  /** A better payload than the one that was kept. */
  correct?(payload: Buffer): Buffer | undefined;
  lanes(): Iterable<UplinkQueue>;
  /** The plant will never take it. */
  refuse(entry: QueueEntry, reason: string): void;
}

/** In flight at once beside the count: a slow line must not hold what is urgent for long. */
const INFLIGHT_BYTES = 1024 * 1024;
/** What is not urgent goes on when no more than this part of the window is in flight: many at once cost less than one by one. */
const REFILL = 0.75;
/** A message that the plant can't take for the moment is tried so often before it counts as refused. */
const TRIES = 3;
/** Sends what waits, in order, within the window; keeps each message until the plant's own acknowledgement. */
export class Sender {
  /** Messages that the plant has acknowledged since the start. */
  sent = 0;
  /** When the plant last acknowledged something, in milliseconds that never jump. */
  lastAck = 0;
  /** When something was last sent while nothing was in flight, on the same clock. */
  lastSend = 0;
  readonly #parts: SenderParts;
  #wire: PlantTransport | undefined;
  readonly #inFlight = new Map<number, QueueEntry>();
  #bytes = 0;
  /** What was in flight when the line broke, in order. */
  #again: QueueEntry[] = [];
  readonly #tries = new Map<QueueEntry, number>();
  #share = 0;
  #tokens = { count: 0, at: 0 };
  #later: NodeJS.Timeout | undefined;
  #scheduled = false;
  readonly #culprit = new PoisonMessageDetector();

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  get inFlight(): number {
    return this.#inFlight.size + this.#again.length;
  }

  /** Messages sent on this line and not acknowledged. */
  get unacknowledged(): number {
    return this.#inFlight.size;
  }

  get flowing(): boolean {
    return this.#wire !== undefined && !this.#wire.congested;
  }

  get oldestAt(): number | undefined {
    const first = this.#again[0] ?? this.#inFlight.values().next().value;
    return first?.at;
  }

  /** Begins with what the plant has not acknowledged; without `resumed` as if it had never been sent. */
  connect(wire: PlantTransport, resumed: boolean): void {
    this.#wire = wire;
    this.#culprit.connected();
    this.lastAck = this.#parts.monotonic();
    if (!resumed) {
      for (const entry of this.#again) {
        entry.released = false;
        entry.sent = false;
      }
    }
    this.pump();
  }

  disconnect(): void {
    this.#wire = undefined;
    clearTimeout(this.#later);
    this.#later = undefined;
    const inFlight = [...this.#inFlight.values()];
    this.#inFlight.clear();
    this.#bytes = 0;
    const refused = this.#culprit.disconnected(inFlight);
    this.#again = [...inFlight.filter((entry) => entry !== refused), ...this.#again];
    if (refused) this.#parts.refuse(refused, 'the plant ends the connection whenever it is sent');
    for (const lane of this.#parts.lanes()) {
      this.#parts.store.journal.flushSoon(lane);
      lane.queue.spill();
    }
  }

  /** Sends as far as window, socket and disk allow, once at the end of the turn. */
  pump(): void {
    if (this.#scheduled || !this.#wire) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const wire = this.#wire;
    if (!wire) return;
    const { inflight } = this.#parts.way().config;
    const window = this.#culprit.suspected ? 1 : Math.min(inflight, wire.receiveMaximum);
    const frames: Buffer[] = [];
    // Some of the window stays free for what is urgent.
    const usual = Math.max(1, window - Math.max(1, Math.floor(window / 10)));
    const room = this.#inFlight.size <= usual * REFILL;
    while (!wire.congested && this.#bytes < INFLIGHT_BYTES) {
      const used = this.#inFlight.size;
      if (used >= window) break;
      const entry = this.#again[0] ?? this.#next(room && used < usual);
      if (!entry) break;
      if (this.#again[0]) this.#again.shift();
      const frame = this.#frame(entry, wire);
      if (frame) frames.push(frame);
    }
    if (frames.length > 0) wire.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  /** The next of the lanes: urgent ones first, then by share. */
  #next(usual: boolean): QueueEntry | undefined {
    const others: UplinkQueue[] = [];
    let live: UplinkQueue | undefined;
    for (const lane of this.#parts.lanes()) {
      if (lane.queue.count === 0) continue;
      if (lane.high) {
        if (lane.peek()) return lane.take();
      } else if (lane.name === 'live') live = lane;
      else others.push(lane);
    }
    if (!usual) return undefined;
    const { live: share } = this.#parts.way().config;
    this.#share = (this.#share + share) % 2;
    const turn = live?.peek() && (this.#share >= 1 || others.length === 0);
    if (live && turn) {
      this.#share -= others.length === 0 ? 0 : 1;
      return live.take();
    }
    if (others.length > 0) others.push(...others.splice(0, this.sent % others.length));
    for (const lane of others) {
      if (!lane.peek()) continue;
      if (!this.#mayDrain(lane)) break;
      return lane.take();
    }
    return live?.peek() && live.take();
  }

  /** Whether the drain rate has room for one more of a backlog. */
  #mayDrain(lane: UplinkQueue): boolean {
    const { drainRate, inflight } = this.#parts.way().config;
    if (drainRate === undefined || lane.queue.count <= inflight) return true;
    const now = this.#parts.monotonic();
    const gained = ((now - this.#tokens.at) / 1000) * drainRate;
    const count = Math.min(this.#tokens.count + gained, Math.max(1, drainRate / 10));
    this.#tokens = { count, at: now };
    if (count >= 1) {
      this.#tokens.count--;
      return true;
    }
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.pump();
    }, 20);
    return false;
  }

  /** The packet of the entry, which is in flight then; undefined when it is not to be sent. */
  #frame(entry: QueueEntry, wire: PlantTransport): Buffer | undefined {
    const lane = entry.owner as UplinkQueue;
    const packetId = lane.packetIdOf(entry);
    const topic = topicOf(entry);
    if (entry.released) {
      this.#keep(packetId, entry);
      return encodePubrel(packetId);
    }
    const sending = this.#parts.way().routes.out(topic);
    if (!sending) {
      this.#parts.refuse(entry, 'no route takes it any more');
      return undefined;
    }
    const packet = this.#packet(entry, sending, packetId, wire);
    const size = publishSize(packet);
    if (size > wire.maximumPacketSize) {
      const reason = `packet too large: ${size} bytes, the plant takes ${wire.maximumPacketSize}`;
      this.#parts.refuse(entry, reason);
      return undefined;
    }
    this.#parts.onSent?.(topic, packet.body, packet.start);
    if (packet.qos === 0) {
      this.#parts.store.journal.discard(entry);
      this.sent++;
      return encodePublish(packet);
    }
    entry.sent = true;
    if (entry.seq > lane.sent) lane.sent = entry.seq;
    if (entry.written === WRITTEN) this.#parts.store.journal.markSent(lane);
    this.#keep(packetId, entry);
    return encodePublish(packet);
  }

  #keep(packetId: number, entry: QueueEntry): void {
    if (this.#inFlight.size === 0) this.lastSend = this.#parts.monotonic();
    this.#inFlight.set(packetId, entry);
    this.#bytes += entry.message.body.length;
  }

  #packet(
    entry: QueueEntry,
    { route, remote }: Sending,
    packetId: number,
    wire: PlantTransport,
  ): OutgoingPublish {
    const { body, start } = this.#content(entry);
    const qos = Math.min(entry.qos, route.qos, wire.maximumQos) as 0 | 1 | 2;
    return {
      qos,
      retain: entry.retain && route.retain === 'keep' && wire.retainAvailable,
      dup: entry.sent && qos > 0,
      packetId: qos === 0 ? 0 : packetId,
      topic: remote,
      body,
      start,
      properties: this.#parts.way().properties,
    };
  }

  /** The payload's bytes; of a reading with a wrong time those with the right one, where that has become known. */
  #content({ message }: QueueEntry): { body: Buffer; start: number } {
    const { body, topicEnd: start } = message;
    const better = this.#parts.correct?.(body.subarray(start));
    return better ? { body: better, start: 0 } : { body, start };
  }

  /** PUBACK, or PUBREC with an error. */
  acknowledged(packetId: number, reason: number): void {
    const entry = this.#inFlight.get(packetId);
    if (!entry) {
      this.#culprit.lineWorks();
      return;
    }
    this.#culprit.acknowledged();
    this.lastAck = this.#parts.monotonic();
    if (reason >= 0x80) {
      this.#refused(packetId, entry, reason);
      return;
    }
    this.#done(packetId, entry);
  }

  /** PUBREC: PUBREL follows once it is on disk that the message is not to be sent again. */
  received(packetId: number, reason: number): void {
    const entry = this.#inFlight.get(packetId);
    if (reason >= 0x80) return this.acknowledged(packetId, reason);
    this.#culprit.acknowledged();
    this.lastAck = this.#parts.monotonic();
    const wire = this.#wire;
    if (!entry) {
      wire?.write(encodePubrel(packetId));
      return;
    }
    entry.released = true;
    const pendingAck = new PendingAck(() => {
      if (this.#wire === wire) wire?.write(encodePubrel(packetId));
    });
    this.#parts.store.journal.add(['released', entry.owner!.key, entry.seq], pendingAck);
    pendingAck.done();
  }

  /** PUBCOMP: it has arrived exactly once. */
  completed(packetId: number): void {
    const entry = this.#inFlight.get(packetId);
    if (!entry?.released) return;
    this.lastAck = this.#parts.monotonic();
    this.#done(packetId, entry);
  }

  #done(packetId: number, entry: QueueEntry): void {
    this.#release(packetId, entry);
    this.#parts.store.journal.discard(entry);
    this.sent++;
    this.pump();
  }

  #release(packetId: number, entry: QueueEntry): void {
    this.#inFlight.delete(packetId);
    this.#bytes -= entry.message.body.length;
    this.#tries.delete(entry);
  }

  #refused(packetId: number, entry: QueueEntry, reason: number): void {
    const hex = `0x${reason.toString(16)}`;
    const known = PERMANENT_REFUSALS.get(reason);
    const tries = (this.#tries.get(entry) ?? 0) + 1;
    if (known === undefined && tries < TRIES) {
      this.#tries.set(entry, tries);
      this.#wire?.fail(`the plant does not take messages for the moment (reason ${hex})`);
      return;
    }
    this.#release(packetId, entry);
    this.#parts.refuse(entry, known ? `${known} (${hex})` : `refused ${TRIES} times (${hex})`);
    this.pump();
  }
}
