import type { Latency } from '../../base/latency.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import type { SendBuffer } from './send-buffer.ts';

/** Stops and continues reading from the client whose acknowledgements are in the queue. */
export interface AckReader {
  pauseReading(reason: 'acknowledgements'): void;
  resumeReading(reason: 'acknowledgements'): void;
}

/** An acknowledgement that waits until its own changes are on disk, if it has any, and for those before it. */
interface Acknowledgement {
  readonly pendingAck: PendingAck | undefined;
  readonly header: number;
  readonly packetId: number;
  /** Called instead of sending header and packet identifier. */
  readonly send: (() => void) | undefined;
}

/** Acknowledgements in the queue above which the client is not read, and below which it is read again. */
const PENDING_HIGH = 4096;
const PENDING_LOW = 1024;

/** One client's acknowledgements, sent in the order of its packets [MQTT-4.6.0-2] [MQTT-4.6.0-3]. */
export class AckQueue {
  readonly #sendBuffer: SendBuffer;
  readonly #reader: AckReader;
  /** Milliseconds on the monotonic clock. */
  readonly #now: () => number;
  readonly #latency: Latency;
  #pending: Acknowledgement[] = [];
  /** Index of the first one that is not sent. */
  #first = 0;
  /** The acknowledgement that is being timed, and since when. */
  #timed: { readonly pendingAck: PendingAck; readonly since: number } | undefined;
  #closed = false;

  /** `latency` observes one acknowledgement at a time, from its packet until it is on disk. */
  constructor(sendBuffer: SendBuffer, reader: AckReader, now: () => number, latency: Latency) {
    this.#sendBuffer = sendBuffer;
    this.#reader = reader;
    this.#now = now;
    this.#latency = latency;
  }

  /** Sends an acknowledgement after those before it. */
  acknowledge(header: number, packetId: number): void {
    if (this.#pending.length === 0) this.#sendBuffer.acknowledge(header, packetId);
    else this.#enqueue({ pendingAck: undefined, header, packetId, send: undefined });
  }

  /** Sends an acknowledgement once the returned one is done and those before it are sent. */
  ackWhenStored(header: number, packetId: number): PendingAck {
    return this.#addPending(header, packetId, undefined);
  }

  /** Calls `send` once the returned acknowledgement is done and those before it are sent. */
  doWhenStored(send: () => void): PendingAck {
    return this.#addPending(0, 0, send);
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
  }

  #addPending(header: number, packetId: number, send: (() => void) | undefined): PendingAck {
    const pendingAck = new PendingAck(this.#sendDone);
    this.#enqueue({ pendingAck, header, packetId, send });
    this.#timed ??= { pendingAck, since: this.#now() };
    return pendingAck;
  }

  #enqueue(acknowledgement: Acknowledgement): void {
    this.#pending.push(acknowledgement);
    if (this.#pending.length - this.#first > PENDING_HIGH) {
      this.#reader.pauseReading('acknowledgements');
    }
  }

  /** The same function for every pending acknowledgement, since there is one for each message. */
  readonly #sendDone = (): void => {
    if (this.#timed?.pendingAck.isDone) {
      this.#latency.observe(this.#now() - this.#timed.since);
      this.#timed = undefined;
    }
    const pending = this.#pending;
    while (this.#first < pending.length) {
      const { pendingAck, header, packetId, send } = pending[this.#first]!;
      if (pendingAck && !pendingAck.isDone) break;
      this.#first++;
      if (this.#closed) continue;
      if (send) send();
      else this.#sendBuffer.acknowledge(header, packetId);
    }
    if (this.#first === pending.length) {
      this.#pending = [];
      this.#first = 0;
    } else if (this.#first > PENDING_LOW) {
      this.#pending = pending.slice(this.#first);
      this.#first = 0;
    }
    if (this.#pending.length - this.#first < PENDING_LOW) {
      this.#reader.resumeReading('acknowledgements');
    }
  };
}
