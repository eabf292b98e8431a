import { shortTopic } from '../base/faults.ts';
import { type QueueEntry, topicOf } from '../queue/queue-entry.ts';
import type { Blame } from './failures.ts';
import type { PlantTransport } from './plant-transport.ts';
import { PoisonMessageDetector } from './poison-message.ts';
import { QueueScheduler } from './queue-scheduler.ts';
import type { RefusedTopics } from './refused-topics.ts';
import type { CurrentRouting } from './routing.ts';
import type { UplinkQueue } from './uplink-queue.ts';

export interface SendOrderParts {
  routing(): CurrentRouting;
  /** Milliseconds that never jump. */
  monotonic(): number;
  queues(): Iterable<UplinkQueue>;
  readonly refusedTopics: RefusedTopics;
  /** The plant will never accept the message. */
  refuse(entry: QueueEntry, reason: string): void;
  /** Counts a fault of this program, which was sending `what`; gives the reason for a refusal. */
  fault(what: string, error: unknown): string;
  /** Called when there may be more to send. */
  ready(): void;
}

/** More messages are sent when at most this part of the window is in flight, because one write of many costs less. */
const REFILL = 0.75;
/**
 * A smaller window is filled again at once: an answer without a packet of ours makes TCP hold its acknowledgement back
 * for 40 ms, and the plant then holds back all others (Nagle's algorithm). Mosquitto takes 20 at once by default.
 */
const SMALL_WINDOW = 64;
/** So long messages wait for the acknowledgement of the status message, if the last connection ended with some in flight. */
const CAUTION_MS = 5000;
/** A suspected message is sent after the urgent ones, but it does not wait longer than this for a moment without any. */
const ALONE_WAIT_MS = 1000;

/** Decides which message is next: urgent ones first, then those to be sent again, then the queues; suspected ones alone. */
export class SendOrder {
  readonly #parts: SendOrderParts;
  readonly #scheduler: QueueScheduler;
  readonly #poison: PoisonMessageDetector;
  /**
   * Sent again first: in flight when the connection was lost, those of high priority first; and those that must be
   * sent alone. At most as many as the window has.
   */
  #again: QueueEntry[] = [];
  /** The message in flight that no other may be in flight with. */
  #alone: QueueEntry | undefined;
  #connectedAt = 0;
  /** Since when the next message waits to be sent alone. */
  #waitingSince: number | undefined;
  /** The window is being filled: in one turn of the event loop, from the time when enough of it was free. */
  #refilling = false;

  constructor(parts: SendOrderParts) {
    this.#parts = parts;
    this.#poison = new PoisonMessageDetector(parts.monotonic);
    this.#scheduler = new QueueScheduler(parts);
  }

  /** Those that will be sent again. */
  get again(): readonly QueueEntry[] {
    return this.#again;
  }

  /** What is suspected of ending the connection, and what the plant does not take; undefined if nothing is. */
  get messageProblem(): string | undefined {
    return this.#poison.messageProblem(this.#remoteOf);
  }

  /** The plant does not take the message, with the reason. */
  refuse(entry: QueueEntry, reason: string): void {
    this.#parts.refusedTopics.refused(this.#remoteOf(topicOf(entry)));
    this.#parts.refuse(entry, reason);
  }

  /** Whether the last connection seems to have ended because of a message. */
  get endedByMessage(): boolean {
    return this.#poison.explained;
  }

  /** The highest QoS that the plant takes, as far as that is known. */
  get maximumQos(): 1 | 2 {
    return this.#poison.refusals.maximumQos;
  }

  readonly #remoteOf = (topic: string): string => {
    try {
      return this.#parts.routing().routes.out(topic)?.remote.toString() ?? topic;
    } catch (error) {
      this.#parts.fault(`a sentence about ${shortTopic(topic)}`, error);
      return topic;
    }
  };

  connected({ url, maximumQos }: PlantTransport): void {
    const takesProperties = this.#parts.routing().properties !== undefined;
    this.#poison.connected(url, maximumQos, takesProperties);
    this.#connectedAt = this.#parts.monotonic();
  }

  /** The plant has acknowledged a message that is not from a queue. */
  connectionWorks(): void {
    if (this.#poison.connectionWorks()) this.#parts.ready();
  }

  /** These were in flight. Returns a sentence if one of them is refused: the plant has ended connections because of it. */
  disconnected(inFlight: readonly QueueEntry[], blame: Blame): string | undefined {
    this.#scheduler.stop();
    this.#alone = undefined;
    this.#waitingSince = undefined;
    const convicted = this.#poison.disconnected(inFlight, blame);
    const again = [...inFlight, ...this.#again].filter((entry) => entry !== convicted?.entry);
    const goesFirst = (entry: QueueEntry): boolean =>
      isUrgent(entry) && this.#poison.handling(entry).kind === 'send';
    this.#again = [...again.filter(goesFirst), ...again.filter((entry) => !goesFirst(entry))];
    if (!convicted) return undefined;
    this.refuse(convicted.entry, convicted.reason);
    return this.#poison.described(convicted, this.#remoteOf);
  }

  /** The plant has taken the message, or it is refused. */
  answered(entry: QueueEntry, taken: boolean): void {
    const { refusedTopics } = this.#parts;
    this.#poison.answered(entry, taken);
    if (taken && !refusedTopics.isEmpty) refusedTopics.taken(this.#remoteOf(topicOf(entry)));
  }

  /** The plant does not take the message for the moment. */
  deferred(entry: QueueEntry): void {
    this.#poison.deferred(entry);
  }

  /** The message is not in flight any more. */
  left(entry: QueueEntry): void {
    if (this.#alone === entry) this.#alone = undefined;
  }

  /** The message was in flight and must be sent again on this connection, before those that were not. */
  sendFirst(entry: QueueEntry): void {
    this.#again.unshift(entry);
  }

  /** Begins a turn of the event loop in which messages are taken. */
  begin(): void {
    this.#refilling = false;
  }

  /** The next message that may be sent with `used` of the window in flight. `turn` counts the messages sent. */
  next(window: number, used: number, turn: number): QueueEntry | undefined {
    if (this.#alone || used >= window || this.#isCautious()) return undefined;
    for (;;) {
      const first = this.#again[0];
      const how = first && this.#poison.handling(first);
      if (first && how?.kind === 'refuse') {
        this.#again.shift();
        this.refuse(first, how.reason);
        continue;
      }
      const alone = how?.kind === 'alone';
      if (first && !alone && isUrgent(first)) return this.#again.shift();
      const entry = this.#mayTake(window, alone)
        ? this.#scheduler.next(first !== undefined || !this.#mayFill(window, used), turn)
        : undefined;
      if (entry) {
        const handling = this.#poison.handling(entry);
        if (handling.kind === 'send') return entry;
        if (handling.kind === 'refuse') this.refuse(entry, handling.reason);
        else this.#again.push(entry);
        continue;
      }
      if (!first || !alone) return this.#again.shift();
      if (used > 0 || !(this.#poison.works || this.#isOld())) return undefined;
      this.#waitingSince = undefined;
      this.#alone = this.#again.shift();
      return this.#alone;
    }
  }

  /** Whether nothing should be sent until the plant has shown that this connection works. */
  #isCautious(): boolean {
    return this.#poison.cautious && !this.#isOld();
  }

  #isOld(): boolean {
    return this.#parts.monotonic() - this.#connectedAt >= CAUTION_MS;
  }

  /** Whether messages may be taken from the queues; while one waits to be sent alone, only for a time. */
  #mayTake(window: number, alone: boolean): boolean {
    if (this.#again.length >= window) return false;
    if (!alone || !this.#poison.works) return true;
    const now = this.#parts.monotonic();
    this.#waitingSince ??= now;
    return now - this.#waitingSince < ALONE_WAIT_MS;
  }

  /** Part of the window stays free for urgent messages. */
  #mayFill(window: number, used: number): boolean {
    const usual = Math.max(1, window - Math.max(1, Math.floor(window / 10)));
    const isEnoughFree = window < SMALL_WINDOW || used <= usual * REFILL;
    this.#refilling = used < usual && (this.#refilling || isEnoughFree);
    return this.#refilling;
  }
}

function isUrgent(entry: QueueEntry): boolean {
  return (entry.owner as UplinkQueue).high;
}
