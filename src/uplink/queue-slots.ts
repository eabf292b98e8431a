/** The number of packet identifiers of one queue: more than can be in flight. They are the same after a restart. */
export const QUEUE_PACKET_IDS = 2000;
/** Queues of one uplink; their identifiers end below those of mqtt.js. */
export const SLOTS = 32;

/** A queue that needs a slot. */
export interface Candidate {
  readonly name: string;
  /** Lower ones are served first; 0 gets a slot in place of any other. */
  readonly rank: number;
  /** The slot that it had; undefined if it had none that is valid. */
  readonly slot: number | undefined;
}

/**
 * The slot of each candidate, by name; a candidate without one gets none. Each keeps the slot that it had, unless a more
 * important one had it too; `used` are not free.
 */
export function planSlots(
  candidates: readonly Candidate[],
  used: ReadonlySet<number>,
): Map<string, number> {
  const ordered = [...candidates].sort((a, b) => a.rank - b.rank);
  const places = new Map<number, Candidate>();
  const isFree = (slot: number): boolean => !used.has(slot) && !places.has(slot);
  const others: Candidate[] = [];
  for (const one of ordered) {
    if (one.slot !== undefined && isFree(one.slot)) places.set(one.slot, one);
    else others.push(one);
  }
  for (const one of others) {
    const slot = firstFree(isFree) ?? (one.rank === 0 ? leastImportant(places) : undefined);
    if (slot !== undefined) places.set(slot, one);
  }
  return new Map([...places].map(([slot, { name }]) => [name, slot]));
}

function firstFree(isFree: (slot: number) => boolean): number | undefined {
  for (let slot = 0; slot < SLOTS; slot++) if (isFree(slot)) return slot;
  return undefined;
}

function leastImportant(places: ReadonlyMap<number, Candidate>): number | undefined {
  let found: number | undefined;
  let highest = 0;
  for (const [slot, { rank }] of places) {
    if (rank <= highest) continue;
    highest = rank;
    found = slot;
  }
  return found;
}
