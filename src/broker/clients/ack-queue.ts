import type { Latency } from '../../base/latency.ts';
import { PendingAck } from '../../queue/pending-ack.ts';
import type { SendBuffer } from './send-buffer.ts';

/** Pauses and resumes reading from the client whose acknowledgements are in the queue. */
export interface AckReader {
  pauseReading(reason: 'acknowledgements'): void;
  resumeReading(reason: 'acknowledgements'): void;
}

/** An acknowledgement that waits until its own changes, if any, are on disk and all acknowledgements before it are sent. */
interface Acknowledgement {
  readonly pendingAck: PendingAck | undefined;
  readonly header: number;
  readonly packetId: number;
  /** Called instead of sending header and packet identifier. */
  readonly send: (() => void) | undefined;
}

/** Reading from the client is paused with more acknowledgements than the first number, and resumed below the second. */
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
  /** Index of the first acknowledgement that is not sent. */
  #first = 0;
  /** The acknowledgement whose latency is measured, and the start of the measurement. */
  #timed: { readonly pendingAck: PendingAck; readonly since: number } | undefined;
  #closed = false;

  /** `latency` measures one acknowledgement at a time, from the arrival of its packet until it is on disk. */
  constructor(sendBuffer: SendBuffer, reader: AckReader, now: () => number, latency: Latency) {
    this.#sendBuffer = sendBuffer;
    this.#reader = reader;
    this.#now = now;
    this.#latency = latency;
  }

  /** Sends an acknowledgement after all acknowledgements before it. */
  acknowledge(header: number, packetId: number): void {
    if (this.#pending.length === 0) this.#sendBuffer.acknowledge(header, packetId);
    else this.#enqueue({ pendingAck: undefined, header, packetId, send: undefined });
  }

  /** Sends an acknowledgement when the returned PendingAck is done and all acknowledgements before it are sent. */
  ackWhenStored(header: number, packetId: number): PendingAck {
    return this.#addPending(header, packetId, undefined);
  }

  /** Calls `send` when the returned PendingAck is done and all acknowledgements before it are sent. */
  doWhenStored(send: () => void): PendingAck {
    return this.#addPending(0, 0, send);
  }

  /** Stops: nothing more is sent. */
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
