import type { Latency } from '../../base/latency.ts';
import { PUBACK_HEADER, PUBCOMP_HEADER, PUBREC_HEADER } from '../../mqtt/codec.ts';
import { encodeAcknowledgement } from '../../mqtt/packets-5.ts';
import type { Properties } from '../../mqtt/properties.ts';
import { isError } from '../../mqtt/reason-codes.ts';
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
  /** Of MQTT 5; 0 is success, which needs no byte in the packet. */
  readonly reasonCode: number;
  /** Called instead of sending header and packet identifier. */
  readonly send: (() => void) | undefined;
}

/** Counts the messages of a client of MQTT 5 that are not acknowledged to the end. */
export interface AckWindow {
  acknowledged(): void;
  /** The packet with a text, if the client takes that. */
  explained(reason: string, encode: (properties: Properties) => Buffer): Buffer;
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
  /** Set for a client of MQTT 5. */
  window: AckWindow | undefined;
  #closed = false;

  /** `latency` measures one acknowledgement at a time, from the arrival of its packet until it is on disk. */
  constructor(sendBuffer: SendBuffer, reader: AckReader, now: () => number, latency: Latency) {
    this.#sendBuffer = sendBuffer;
    this.#reader = reader;
    this.#now = now;
    this.#latency = latency;
  }

  /** Sends an acknowledgement after all acknowledgements before it; `reason` is a text for a client of MQTT 5. */
  acknowledge(header: number, packetId: number, reasonCode = 0, reason?: string): void {
    const { window } = this;
    if (reason !== undefined && window) {
      const send = () => this.#explain(window, header, packetId, reasonCode, reason);
      if (this.#pending.length === 0) send();
      else this.#enqueue({ pendingAck: undefined, header, packetId, reasonCode, send });
    } else if (this.#pending.length === 0) {
      if (this.window === undefined) this.#sendBuffer.acknowledge(header, packetId);
      else this.#send5(this.window, header, packetId, reasonCode);
    } else this.#enqueue({ pendingAck: undefined, header, packetId, reasonCode, send: undefined });
  }

  /** Sends an acknowledgement when the returned PendingAck is done and all acknowledgements before it are sent. */
  ackWhenStored(header: number, packetId: number, reasonCode = 0): PendingAck {
    return this.#addPending(header, packetId, reasonCode, undefined);
  }

  /** Calls `send` when the returned PendingAck is done and all acknowledgements before it are sent. */
  doWhenStored(send: () => void): PendingAck {
    return this.#addPending(0, 0, 0, send);
  }

  /** Stops: nothing more is sent. */
  close(): void {
    this.#closed = true;
  }

  #send5(window: AckWindow, header: number, packetId: number, reasonCode: number): void {
    if (isLast(header, reasonCode)) window.acknowledged();
    if (reasonCode === 0) this.#sendBuffer.acknowledge(header, packetId);
    else this.#sendBuffer.write(encodeAcknowledgement(header, packetId, reasonCode));
  }

  /** A refusal with a text. */
  #explain(
    window: AckWindow,
    header: number,
    packetId: number,
    reasonCode: number,
    reason: string,
  ): void {
    if (isLast(header, reasonCode)) window.acknowledged();
    const encode = (properties: Properties) =>
      encodeAcknowledgement(header, packetId, reasonCode, properties);
    this.#sendBuffer.write(window.explained(reason, encode));
  }

  #addPending(
    header: number,
    packetId: number,
    reasonCode: number,
    send: (() => void) | undefined,
  ): PendingAck {
    const pendingAck = new PendingAck(this.#sendDone);
    this.#enqueue({ pendingAck, header, packetId, reasonCode, send });
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
      const { pendingAck, header, packetId, reasonCode, send } = pending[this.#first]!;
      if (pendingAck && !pendingAck.isDone) break;
      this.#first++;
      if (this.#closed) continue;
      if (send) send();
      else if (this.window === undefined) this.#sendBuffer.acknowledge(header, packetId);
      else this.#send5(this.window, header, packetId, reasonCode);
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

/** Whether the acknowledgement is the last one of a message [MQTT 5, section 4.9]. */
function isLast(header: number, reasonCode: number): boolean {
  if (header === PUBREC_HEADER) return isError(reasonCode);
  return header === PUBACK_HEADER || header === PUBCOMP_HEADER;
}
