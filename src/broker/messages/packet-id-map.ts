/** Places of a new ring, and of the longest one: there are 65,535 identifiers. */
const FEWEST_PLACES = 16;
const MOST_PLACES = 65_536;
/** One place without a value, for all maps that have had none: most clients never need more. Not written. */
const NO_VALUES: undefined[] = new Array(1).fill(undefined);
const NO_IDS = new Uint16Array(1);

/**
 * Values by packet identifier. Identifiers follow each other, so a ring of twice as many places as values has nearly
 * all; a value that stays while hundreds of others pass moves to a map, so that none is lost. It takes half the time of
 * a map, and none of its memory is thrown away while values come and go.
 */
export class PacketIdMap<Value> {
  size = 0;
  #values: (Value | undefined)[] = NO_VALUES;
  #ids = NO_IDS;
  #mask = 0;
  #aside: Map<number, Value> | undefined;

  has(packetId: number): boolean {
    return this.get(packetId) !== undefined;
  }

  get(packetId: number): Value | undefined {
    const place = packetId & this.#mask;
    if (this.#ids[place] === packetId) return this.#values[place];
    return this.#aside?.get(packetId);
  }

  /** Adds a value, or replaces the one that has this identifier. */
  set(packetId: number, value: Value): void {
    const place = packetId & this.#mask;
    const before = this.#values[place];
    if (before !== undefined && this.#ids[place] === packetId) this.#values[place] = value;
    else if (this.#aside?.has(packetId)) this.#aside.set(packetId, value);
    else if (2 * this.size >= this.#mask && this.#mask + 1 < MOST_PLACES) {
      this.#grow();
      this.set(packetId, value);
    } else {
      if (before !== undefined) {
        this.#aside ??= new Map();
        this.#aside.set(this.#ids[place]!, before);
      }
      this.#values[place] = value;
      this.#ids[place] = packetId;
      this.size++;
    }
  }

  /** Returns whether the identifier had a value. */
  delete(packetId: number): boolean {
    const place = packetId & this.#mask;
    if (this.#ids[place] === packetId && this.#values[place] !== undefined) {
      this.#values[place] = undefined;
    } else if (!this.#aside?.delete(packetId)) return false;
    this.size--;
    return true;
  }

  /** All values, in no order. */
  *values(): Iterable<Value> {
    for (const value of this.#values) if (value !== undefined) yield value;
    if (this.#aside) yield* this.#aside.values();
  }

  #grow(): void {
    const values = this.#values;
    const ids = this.#ids;
    const aside = this.#aside ?? [];
    const places = Math.max(FEWEST_PLACES, 2 * values.length);
    this.#values = new Array(places).fill(undefined);
    this.#ids = new Uint16Array(places);
    this.#mask = places - 1;
    this.#aside = undefined;
    this.size = 0;
    for (const [packetId, value] of aside) this.set(packetId, value);
    values.forEach((value, place) => {
      if (value !== undefined) this.set(ids[place]!, value);
    });
  }
}
