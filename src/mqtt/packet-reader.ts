import { CONNECT, ProtocolError, PUBLISH } from './codec.ts';

/** Called for each packet: its first byte is at `start`, what follows the fixed header at [body, end). */
export type OnPacket = (source: Buffer, start: number, body: number, end: number) => void;

/** Flags that a client's packet of each type must have [MQTT-2.2.2-1]; -1: a client never sends it. */
const FLAGS = [-1, 0, -1, 0, 0, 0, 2, 0, 2, -1, 2, -1, 0, -1, 0, -1];
const MORE = 0x80;
const NOTHING = Buffer.alloc(0);

/** Cuts a stream of bytes into packets; the length that a packet claims is checked before it is stored. */
export class PacketReader {
  /** The longest packet that is taken, fixed header and all. */
  limit: number;
  readonly #onPacket: OnPacket;
  /** The beginning of a packet whose end has not come; grows with the bytes received, not with the length claimed. */
  #rest: Buffer | undefined;
  #restLength = 0;
  #paused = false;
  #first = true;
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

  /** Keeps what is fed until `resume`, and the packets after the current one. */
  pause(): void {
    this.#paused = true;
  }

  /** Continues with what has been kept. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Where it is the beginning of a long packet it stays where it is: copying it at each pause would take long.
    if (this.#rest) this.feed(NOTHING, 0, 0);
  }

  /** Forgets what has been kept. */
  clear(): void {
    if (this.#rest) this.#onKept(-this.#rest.length);
    this.#rest = undefined;
    this.#restLength = 0;
  }

  /** Reads the bytes at [from, to), copies what it keeps; throws ProtocolError on a packet that can't be valid. */
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

  /** Takes whole packets from `from` on; returns where the first incomplete one begins. */
  #cut(source: Buffer, from: number, to: number): number {
    let at = from;
    while (!this.#paused && to - at > 1) {
      const end = this.#packetEnd(source, at, to);
      if (end < 0 || end > to) return at;
      let body = at + 1;
      while (source[body]! & MORE) body++;
      const start = at;
      at = end;
      this.#onPacket(source, start, body + 1, end);
    }
    return at;
  }

  /** Where the packet at `at` ends; -1 while its length is incomplete. */
  #packetEnd(source: Buffer, at: number, available: number): number {
    const header = source[at]!;
    const type = header >> 4;
    const flags = FLAGS[type]!;
    if (flags < 0) throw new ProtocolError(`packet type ${type} from a client`);
    if (type !== PUBLISH && (header & 15) !== flags) throw new ProtocolError('reserved flags');
    if (this.#first) {
      if (type !== CONNECT) throw new ProtocolError('the first packet is not CONNECT');
    }
    let length = 0;
    for (let i = 1; i <= 4; i++) {
      if (at + i >= available) return -1;
      const byte = source[at + i]!;
      length |= (byte & 0x7f) << (7 * (i - 1));
      if (byte < MORE) {
        const size = length + i + 1;
        if (size > this.limit) throw new ProtocolError(`a packet of ${size} bytes is too large`);
        this.#first = false;
        return at + size;
      }
    }
    throw new ProtocolError('the remaining length has more than four bytes');
  }

  /** Adds to the kept packet no more than it needs; returns up to where the source is used. */
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
