import { AUTH, CONNECT, PINGREQ, PUBACK, PUBCOMP, PUBLISH, PUBREC } from './codec.ts';
import { firstPacketError, flaggedConnectError } from './first-packet.ts';
import type { KeepSlots } from './keep-slots.ts';
import { payloadBytes } from './packet-limit.ts';
import { MalformedPacket, ProtocolError } from './protocol-error.ts';
import { PACKET_TOO_LARGE } from './reason-codes.ts';

/** Called for each packet: its first byte is at `start`, what follows the fixed header at [body, end). */
export type OnPacket = (source: Buffer, start: number, body: number, end: number) => void;

/** Flags that a client's packet of each type must have [MQTT-2.2.2-1]; -1: a client never sends it. */
const FLAGS = [-1, 0, -1, 0, 0, 0, 2, 0, 2, -1, 2, -1, 0, -1, 0, -1];
const MORE = 0x80;
/** Fewer kept bytes take no slot. */
const SLOT_BYTES = 1024;
/** Bit set of the packet types that may be read ahead of those before them: they concern what the client was sent. */
const AHEAD = (1 << PUBACK) | (1 << PUBREC) | (1 << PUBCOMP) | (1 << PINGREQ);

/** The error of a packet that a client never sends: flags that its type can't have make it malformed [MQTT-2.1.3-1]. */
function neverSent(header: number): ProtocolError {
  const type = header >> 4;
  if (type > 0 && header & 15) return new MalformedPacket('reserved flags');
  return new ProtocolError(`packet type ${type} from a client`);
}

/** Cuts a stream of bytes into packets; the length that a packet claims is checked before it is stored. */
export class PacketReader {
  /** The longest packet that is taken, fixed header and all. */
  limit: number;
  /** The largest payload of a PUBLISH. */
  payloadLimit: number;
  readonly #onPacket: OnPacket;
  /**
   * Bytes at [keptStart, keptEnd): packets that came while reading was paused, and the beginning of one whose end has
   * not come. It grows with the bytes received, not with the length that a packet claims.
   */
  #kept: Buffer | undefined;
  #keptStart = 0;
  #keptEnd = 0;
  /** The part of `#kept` that is this reader's: its slot, or all of a buffer that only this reader has. */
  #base = 0;
  #limit = 0;
  #inSlot = false;
  /** Where the body begins of the packet whose end was found last. */
  #body = 0;
  /** Place in `#kept` before which `readAhead` has taken the packets that it takes. */
  #readAhead = 0;
  /** Bytes of the packet whose end has not come; 0 while its length is unknown. */
  #wanted = 0;
  /** The packet that is handed over has a buffer that is not used again. */
  ownsPacket = false;
  #paused = false;
  #first = true;
  /** The client speaks MQTT 3.1, which does not use the flags of most packets. */
  allowsUnusedBits = false;
  /** The client speaks MQTT 5: it may send AUTH. */
  allowsAuth = false;
  readonly #onKept: (bytes: number) => void;
  readonly #slots: KeepSlots | undefined;

  /**
   * `onKept` is called with the bytes by which the kept data grow or shrink; it may throw a ProtocolError. While
   * reading is paused, the bytes are kept in one of the `slots`, if it has room for them.
   */
  constructor(
    limit: number,
    onPacket: OnPacket,
    onKept: (bytes: number) => void = () => undefined,
    slots?: KeepSlots,
  ) {
    this.#slots = slots;
    this.limit = limit;
    this.payloadLimit = limit;
    this.#onPacket = onPacket;
    this.#onKept = onKept;
  }

  /** Whether the beginning of a packet is kept whose end has not come. */
  get hasUnfinished(): boolean {
    return this.#keptEnd > this.#keptStart;
  }

  /** Bytes that are kept. */
  get keptBytes(): number {
    return this.#keptEnd - this.#keptStart;
  }

  /** Bytes that are kept of a packet whose end has not come; 0 where whole packets wait in front of it. */
  get unfinishedBytes(): number {
    const end = this.#kept ? this.#endOfKept(this.#kept, this.#keptStart) : 0;
    return end < 0 || end > this.#keptEnd ? this.keptBytes : 0;
  }

  /** Keeps what is fed until `resume`, and the packets after the current one. */
  pause(): void {
    this.#paused = true;
  }

  /** Continues with what has been kept. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#cutKept();
  }

  /**
   * Reads acknowledgements and PINGREQ among the kept packets before the packets in front of them: two clients that
   * publish to each other would otherwise wait for each other.
   */
  readAhead(): void {
    const kept = this.#kept;
    let at = Math.max(this.#readAhead, this.#keptStart);
    while (kept !== undefined && this.#kept === kept && this.#keptEnd - at > 1) {
      const end = this.#endOfKept(kept, at);
      if (end < 0 || end > this.#keptEnd) return;
      const start = at;
      at = end;
      this.#readAhead = end;
      if ((AHEAD >> (kept[start]! >> 4)) & 1) this.#hand(kept, start, this.#body, end);
    }
  }

  /** As `#packetEnd`; -1 also for a packet that can't be right: its error comes when its turn comes. */
  #endOfKept(kept: Buffer, at: number): number {
    try {
      return this.#packetEnd(kept, at, this.#keptEnd);
    } catch {
      return -1;
    }
  }

  /** Forgets what has been kept, and hands on nothing more of it. */
  clear(): void {
    this.#paused = true;
    this.#forget();
  }

  #forget(): void {
    if (this.#kept) this.#onKept(this.#base - this.#limit);
    this.#leaveSlot();
    this.#kept = undefined;
    this.#keptStart = 0;
    this.#keptEnd = 0;
    this.#readAhead = 0;
  }

  /** Reads the bytes at [from, to); throws ProtocolError on a packet that can't be right. They are not kept. */
  feed(source: Buffer, from = 0, to = source.length): void {
    let at = from;
    if (this.#kept) {
      if (!this.#paused) at = this.#complete(source, from, to);
      if (this.#paused || this.#kept) return this.#keep(source, at, to);
    }
    this.#keep(source, this.#cut(source, at, to), to);
  }

  /** Takes whole packets from `at` on; gives the place where the first incomplete one begins. */
  #cut(source: Buffer, from: number, to: number): number {
    let at = from;
    while (!this.#paused && to - at > 1) {
      const end = this.#packetEnd(source, at, to);
      if (end < 0 || end > to) {
        this.#wanted = end < 0 ? 0 : end - at;
        return at;
      }
      this.#hand(source, at, this.#body, end);
      at = end;
    }
    return at;
  }

  /** CONNECT is there: the name of its protocol says which bits its client may set. */
  #begin(source: Buffer, start: number, body: number): void {
    this.#first = false;
    this.allowsUnusedBits = source.toString('latin1', body + 2, body + 8) === 'MQIsdp';
    if ((source[start]! & 15) !== 0 && !this.allowsUnusedBits) {
      throw flaggedConnectError(source, start);
    }
  }

  /** The same for the kept bytes, without the packets that were read ahead. */
  #cutKept(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    while (this.#kept === kept && !this.#paused && this.#keptStart < this.#readAhead) {
      const start = this.#keptStart;
      this.#keptStart = this.#packetEnd(kept, start, this.#keptEnd);
      const wasTaken = (AHEAD >> (kept[start]! >> 4)) & 1;
      if (!wasTaken) this.#hand(kept, start, this.#body, this.#keptStart);
    }
    if (this.#kept !== kept || this.#paused) return;
    const start = this.#cut(kept, this.#keptStart, this.#keptEnd);
    // A packet may have ended the connection.
    if (this.#kept !== kept) return;
    this.#keptStart = start;
    if (start === this.#keptEnd) this.#forget();
    else if (this.#inSlot && !this.#paused) this.#moveTo(undefined, this.#keptEnd - start);
  }

  #hand(source: Buffer, start: number, body: number, end: number): void {
    if (this.#first) this.#begin(source, start, body);
    this.#onPacket(source, start, body, end);
  }

  /** Where the packet at `at` ends; -1 while its length is incomplete. */
  #packetEnd(source: Buffer, at: number, available: number): number {
    const header = source[at]!;
    const type = header >> 4;
    let flags = FLAGS[type]!;
    if (flags < 0) {
      if (type !== AUTH || !this.allowsAuth) throw neverSent(header);
      flags = 0;
    }
    if (this.#first) {
      if (type !== CONNECT) throw firstPacketError(source, at, available);
    } else if (type !== PUBLISH && (header & 15) !== flags && !this.allowsUnusedBits) {
      throw new MalformedPacket('reserved flags');
    }
    let length = 0;
    for (let i = 1; i <= 4; i++) {
      if (at + i >= available) return -1;
      const byte = source[at + i]!;
      length |= (byte & 0x7f) << (7 * (i - 1));
      if (byte < MORE) {
        const size = length + i + 1;
        this.#body = at + i + 1;
        if (size > this.payloadLimit) this.#checkSize(source, at, available, size);
        return at + size;
      }
    }
    throw new MalformedPacket('the remaining length has more than four bytes');
  }

  /** Throws where the packet, or its payload as far as the beginning of the packet says it, is too large. */
  #checkSize(source: Buffer, at: number, available: number, size: number): void {
    if (size > this.limit) {
      const reason = `a packet of ${size} bytes is too large, the largest has ${this.limit}`;
      throw new ProtocolError(reason, PACKET_TOO_LARGE);
    }
    const parts = { header: source[at]!, body: this.#body, available, end: at + size };
    const payload = payloadBytes(source, parts, this.allowsAuth);
    if (payload <= this.payloadLimit) return;
    const reason = `a payload of ${payload} bytes is too large, the largest has ${this.payloadLimit}`;
    throw new ProtocolError(reason, PACKET_TOO_LARGE);
  }

  /** Adds to the kept packet no more than it needs; gives the place up to which the source is used. */
  #complete(source: Buffer, from: number, to: number): number {
    let used = from;
    while (this.#kept && !this.#paused && used < to) {
      const length = this.#keptEnd - this.#keptStart;
      const end = length > 1 ? this.#packetEnd(this.#kept, this.#keptStart, this.#keptEnd) : -1;
      const missing = end < 0 ? 1 : end - this.#keptEnd;
      this.#wanted = end < 0 ? 0 : end - this.#keptStart;
      const take = Math.min(missing, to - used);
      this.#keep(source, used, used + take);
      used += take;
      // Its last byte is the last that is kept, so that the buffer is left to it.
      this.ownsPacket = !this.#inSlot && this.#limit - this.#base < 2 * (length + take);
      this.#cutKept();
      this.ownsPacket = false;
    }
    return used;
  }

  #keep(source: Buffer, from: number, to: number): void {
    if (from === to) return;
    const length = this.#keptEnd - this.#keptStart + to - from;
    if (!this.#kept || this.#keptEnd + to - from > this.#limit) this.#makeRoom(length);
    source.copy(this.#kept!, this.#keptEnd, from, to);
    this.#keptEnd += to - from;
  }

  /** Makes room for the kept bytes and others behind them, `length` together. */
  #makeRoom(length: number): void {
    const slots = this.#slots;
    const room = this.#limit - this.#base;
    const isForSlot = this.#paused && length >= SLOT_BYTES && slots && length <= slots.size;
    if (isForSlot && !this.#inSlot && slots.hasFree) this.#moveTo(slots, slots.size);
    else if (this.#kept && length <= room) this.#shift(this.#kept, this.#base);
    else this.#moveTo(undefined, this.#roomFor(length, room));
  }

  /** At first what has come, then four times that, up to the packet: it is moved seldom, and no room waits in vain. */
  #roomFor(length: number, room: number): number {
    const wanted = this.#paused || room === 0 ? 0 : this.#wanted;
    return wanted < length ? Math.max(length, 2 * room) : Math.min(wanted, 4 * length);
  }

  /** Moves the kept bytes to a slot, or to a buffer of so many bytes. */
  #moveTo(slots: KeepSlots | undefined, bytes: number): void {
    const size = slots ? bytes : Math.max(256, bytes);
    this.#onKept(size - (this.#limit - this.#base));
    const from = this.#inSlot ? this.#base : -1;
    const base = slots ? slots.take() : 0;
    const target = slots ? slots.buffer : Buffer.allocUnsafe(size);
    this.#shift(target, base);
    if (from >= 0) this.#slots!.free(from);
    this.#inSlot = slots !== undefined;
    this.#base = base;
    this.#limit = base + size;
  }

  #shift(target: Buffer, to: number): void {
    const length = this.#keptEnd - this.#keptStart;
    this.#kept?.copy(target, to, this.#keptStart, this.#keptEnd);
    this.#kept = target;
    this.#readAhead = to + Math.max(0, this.#readAhead - this.#keptStart);
    this.#keptStart = to;
    this.#keptEnd = to + length;
  }

  #leaveSlot(): void {
    if (this.#inSlot) this.#slots!.free(this.#base);
    this.#inSlot = false;
    this.#base = 0;
    this.#limit = 0;
  }
}
