import { PUBACK_HEADER } from '../mqtt/codec.ts';
import type { ReceivedPublish } from './received-publish.ts';

export interface PlantInboxParts {
  /** Publishes a message here; resolves when it is in all its places on disk. */
  publish(packet: ReceivedPublish): Promise<void>;
  /** Sends PUBACK packets to the plant. */
  write(frame: Buffer): void;
  /** While the disk is slower than the messages: resolves when it has caught up. */
  congested(): Promise<void> | undefined;
  /** A message could not be published: it must not be acknowledged. */
  failed(): void;
}

interface Unacknowledged {
  readonly packetId: number;
  stored: boolean;
}

/** More bytes of messages that wait for a congested disk stop the reading of all packets. */
const HELD_BYTES = 16 * 1024 * 1024;

/**
 * The messages of one connection to the plant. Each is published when it arrives, so that many share a commit, and
 * acknowledged when it is on disk, in the order of arrival [MQTT-4.6.0-2]. No other packet waits for that.
 */
export class PlantInbox {
  readonly #parts: PlantInboxParts;
  /** QoS 1 messages that are published, in the order of arrival. */
  #unacknowledged: Unacknowledged[] = [];
  /** Messages that wait for a congested disk. */
  #held: ReceivedPublish[] = [];
  #heldBytes = 0;
  #resumeReading: (() => void) | undefined;
  #scheduled = false;
  #closed = false;

  constructor(parts: PlantInboxParts) {
    this.#parts = parts;
  }

  /** Takes a message; calls `next` when the next packet may be read. */
  take(packet: ReceivedPublish, next: () => void): void {
    if (this.#closed) return next();
    const relieved = this.#held.length > 0 ? undefined : this.#parts.congested();
    if (!relieved && this.#held.length === 0) {
      this.#publish(packet);
      return next();
    }
    this.#held.push(packet);
    const properties = packet.propertyBlock?.bytes?.length ?? 0;
    this.#heldBytes += packet.payload.length + packet.topic.length + properties;
    void relieved?.then(() => this.#release());
    if (this.#heldBytes < HELD_BYTES) next();
    else this.#resumeReading = next;
  }

  /** The connection has ended: the plant sends again what was not acknowledged. */
  close(): void {
    this.#closed = true;
    this.#unacknowledged = [];
    this.#release();
  }

  /** Publishes the held messages, or forgets them after `close`. */
  #release(): void {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    if (!this.#closed) for (const packet of held) this.#publish(packet);
    const resume = this.#resumeReading;
    this.#resumeReading = undefined;
    resume?.();
  }

  #publish(packet: ReceivedPublish): void {
    const one: Unacknowledged = { packetId: packet.messageId ?? 0, stored: false };
    if (packet.qos > 0) this.#unacknowledged.push(one);
    this.#parts.publish(packet).then(
      () => {
        one.stored = true;
        this.#acknowledgeSoon();
      },
      () => this.#parts.failed(),
    );
  }

  /** At the end of the turn of the event loop: all messages of a commit are acknowledged with one write. */
  #acknowledgeSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const first = this.#unacknowledged.findIndex(({ stored }) => !stored);
      const count = first === -1 ? this.#unacknowledged.length : first;
      const stored = this.#unacknowledged.splice(0, count);
      if (stored.length > 0) this.#parts.write(Buffer.concat(stored.map(encodePuback)));
    });
  }
}

function encodePuback({ packetId }: Unacknowledged): Buffer {
  return Buffer.from([PUBACK_HEADER, 2, packetId >> 8, packetId & 0xff]);
}
