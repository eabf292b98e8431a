/**
 * The messages in flight to one client, by packet identifier. A ring of a few windows' length has nearly all;
 * a message that stays unacknowledged while hundreds of others pass moves to a map, so that no identifier is used twice.
 */
export class InflightWindow<Slot> {
  size = 0;
  readonly #slots: (Slot | undefined)[];
  readonly #ids: Uint16Array;
  readonly #mask: number;
  readonly #aside = new Map<number, Slot>();

  /** `limit` messages are in flight at most. */
  constructor(limit: number) {
    const length = 2 ** Math.min(16, Math.ceil(Math.log2(Math.max(64, 2 * limit))));
    this.#mask = length - 1;
    this.#slots = new Array(length).fill(undefined);
    this.#ids = new Uint16Array(length);
  }

  has(packetId: number): boolean {
    return this.get(packetId) !== undefined;
  }

  get(packetId: number): Slot | undefined {
    const place = packetId & this.#mask;
    if (this.#ids[place] === packetId) return this.#slots[place];
    return this.#aside.size > 0 ? this.#aside.get(packetId) : undefined;
  }

  /** Uses a free identifier. */
  add(packetId: number, slot: Slot): void {
    const place = packetId & this.#mask;
    const before = this.#slots[place];
    if (before !== undefined) this.#aside.set(this.#ids[place]!, before);
    this.#slots[place] = slot;
    this.#ids[place] = packetId;
    this.size++;
  }

  /** Replaces the message in flight under this identifier. */
  replace(packetId: number, slot: Slot): void {
    const place = packetId & this.#mask;
    if (this.#ids[place] === packetId) this.#slots[place] = slot;
    else this.#aside.set(packetId, slot);
  }

  delete(packetId: number): void {
    const place = packetId & this.#mask;
    if (this.#ids[place] === packetId) this.#slots[place] = undefined;
    else this.#aside.delete(packetId);
    this.size--;
  }

  /** All messages in flight, in no order. */
  *values(): Iterable<Slot> {
    for (const slot of this.#slots) if (slot !== undefined) yield slot;
    yield* this.#aside.values();
  }
}
