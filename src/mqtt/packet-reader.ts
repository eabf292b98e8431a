import { CONNECT, ProtocolError, PUBLISH } from './codec.ts';

/** Called for each packet: its first byte is at `start`, the bytes after the fixed header at [body, end). */
export type OnPacket = (source: Buffer, start: number, body: number, end: number) => void;

/** Flags that a client's packet of each type must have [MQTT-2.2.2-1]; -1: a client never sends it. */
const FLAGS = [-1, 0, -1, 0, 0, 0, 2, 0, 2, -1, 2, -1, 0, -1, 0, -1];
const MORE = 0x80;
const NOTHING = Buffer.alloc(0);

/** Splits a stream of bytes into packets; the length in a packet's header is checked before it is stored. */
export class PacketReader {
  /** The longest accepted packet, including the fixed header. */
  limit: number;
  readonly #onPacket: OnPacket;
  /** The start of an incomplete packet; grows with the received bytes, not with the length in the header. */
  #rest: Buffer | undefined;
  #restLength = 0;
  #paused = false;
  #first = true;
  /** The client speaks MQTT 3.1, which does not use the flags of most packets. */
  allowsUnusedBits = false;
  readonly #onKept: (bytes: number) => void;

  /** `onKept` is called with the bytes by which the kept data grow or shrink; it may throw a ProtocolError. */
  constructor(
    limit: number,
    onPacket: OnPacket,
    onKept: (bytes: number) => void = () => undefined,
  ) {
    this.limit = limit;
    this.#onPacket = onPacket;
    this.#onKept = onKept;
  }

  /** Whether the beginning of a packet is kept whose end has not come. */
  get hasUnfinished(): boolean {
    return this.#restLength > 0;
  }

  /** Bytes of memory used for what is kept. */
  get keptBytes(): number {
    return this.#rest?.length ?? 0;
  }

  /** Keeps what is fed until `resume`, and the packets after the current one. */
  pause(): void {
    this.#paused = true;
  }

  /** Continues with the kept bytes. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Where it is the beginning of a long packet it stays where it is: copying it at each pause would take long.
    if (this.#rest) this.feed(NOTHING, 0, 0);
  }

  /** Discards the kept bytes. */
  clear(): void {
    if (this.#rest) this.#onKept(-this.#rest.length);
    this.#rest = undefined;
    this.#restLength = 0;
  }

  /** Reads the bytes at [from, to), and copies the bytes that it keeps; throws ProtocolError on a packet that can't be valid. */
  feed(source: Buffer, from = 0, to = source.length): void {
    let at = from;
    if (this.#rest) {
      if (!this.#paused) at = this.#complete(source, from, to);
      if (this.#paused) return this.#keep(source, at, to);
      if (this.#rest) return;
    }
    at = this.#cut(source, at, to);
    this.#keep(source, at, to);
  }

  /** Reads whole packets from `from` on; returns the offset of the first incomplete one. */
  #cut(source: Buffer, from: number, to: number): number {
    let at = from;
    while (!this.#paused && to - at > 1) {
      const end = this.#packetEnd(source, at, to);
      if (end < 0 || end > to) return at;
      let body = at + 1;
      while (source[body]! & MORE) body++;
      const start = at;
      at = end;
      if (this.#first) this.#begin(source, start, body + 1);
      this.#onPacket(source, start, body + 1, end);
    }
    return at;
  }

  /** CONNECT is there: the name of its protocol says which bits its client may set. */
  #begin(source: Buffer, start: number, body: number): void {
    this.#first = false;
    this.allowsUnusedBits = source.toString('latin1', body + 2, body + 8) === 'MQIsdp';
    if ((source[start]! & 15) !== 0 && !this.allowsUnusedBits) {
      throw new ProtocolError('reserved flags');
    }
  }

  /** Where the packet at `at` ends; -1 while its length is incomplete. */
  #packetEnd(source: Buffer, at: number, available: number): number {
    const header = source[at]!;
    const type = header >> 4;
    const flags = FLAGS[type]!;
    if (flags < 0) throw new ProtocolError(`packet type ${type} from a client`);
    if (this.#first) {
      if (type !== CONNECT) throw new ProtocolError('the first packet is not CONNECT');
    } else if (type !== PUBLISH && (header & 15) !== flags && !this.allowsUnusedBits) {
      throw new ProtocolError('reserved flags');
    }
    let length = 0;
    for (let i = 1; i <= 4; i++) {
      if (at + i >= available) return -1;
      const byte = source[at + i]!;
      length |= (byte & 0x7f) << (7 * (i - 1));
      if (byte < MORE) {
        const size = length + i + 1;
        if (size > this.limit) throw new ProtocolError(`a packet of ${size} bytes is too large`);
        return at + size;
      }
    }
    throw new ProtocolError('the remaining length has more than four bytes');
  }

  /** Adds the missing bytes to the kept packet; returns the offset of the first unused byte of the source. */
  #complete(source: Buffer, from: number, to: number): number {
    let used = from;
    for (;;) {
      const rest = this.#rest!;
      const end = this.#restLength > 1 ? this.#packetEnd(rest, 0, this.#restLength) : -1;
      const missing = end < 0 ? 1 : end - this.#restLength;
      if (missing <= 0) {
        // Several packets were kept while reading was paused.
        const length = this.#restLength;
        this.clear();
        const at = this.#cut(rest, 0, length);
        this.#keep(rest, at, length);
        if (!this.#rest || this.#paused) return used;
        continue;
      }
      if (used === to) return used;
      const take = Math.min(missing, to - used);
      this.#append(source, used, used + take);
      used += take;
    }
  }

  #keep(source: Buffer, from: number, to: number): void {
    if (from < to) this.#append(source, from, to);
  }

  #append(source: Buffer, from: number, to: number): void {
    const length = this.#restLength + to - from;
    if (!this.#rest || this.#rest.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(256, length, 2 * (this.#rest?.length ?? 0)));
      this.#onKept(larger.length - (this.#rest?.length ?? 0));
      this.#rest?.copy(larger, 0, 0, this.#restLength);
      this.#rest = larger;
    }
    source.copy(this.#rest, this.#restLength, from, to);
    this.#restLength = length;
  }
}
