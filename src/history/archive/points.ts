import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Quality } from '../../driver-kit/reading.ts';
import { startOf } from './tiers.ts';

/** Worst last: the index is what is stored. */
export const QUALITIES: readonly Quality[] = ['good', 'uncertain', 'bad'];

/**
 * A value within one slot of time: the index of its worst quality; then nothing if it had no value, one number if it
 * had only this one, or its lowest, its highest and its mean.
 */
export type ArchivePoint =
  | readonly [quality: number]
  | readonly [quality: number, value: number]
  | readonly [quality: number, low: number, high: number, mean: number];

/** The points of some slots in their order; undefined for a slot of which nothing is known. */
export type Slots = readonly (ArchivePoint | undefined)[];

/** The slots of some values, by their numbers. */
export type Chunk = ReadonlyMap<number, Slots>;

/** More digits would be noise and would wear the card. */
const DIGITS = 9;
/** A chunk is never longer; a longer one is damaged. */
const LONGEST_CHUNK = 64 * 1024 * 1024;

const lowOf = (point: ArchivePoint): number => point[1]!;
const highOf = (point: ArchivePoint): number => point[2] ?? point[1]!;
export const meanOf = (point: ArchivePoint): number | undefined => point[3] ?? point[1];

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

/** A point of these numbers. */
export function pointOf(quality: number, low: number, high: number, mean: number): ArchivePoint {
  if (low === high) return [quality, rounded(low)];
  return [quality, rounded(low), rounded(high), rounded(mean)];
}

/** Collects what a value was within a slot. */
export class PointBuilder {
  #quality = 0;
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  #sum = 0;
  #values = 0;
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** One sample; null for one without a value. */
  add(quality: number, value: number | null): void {
    this.#isEmpty = false;
    this.#quality = Math.max(this.#quality, quality);
    if (value === null) return;
    this.#low = Math.min(this.#low, value);
    this.#high = Math.max(this.#high, value);
    this.#sum += value;
    this.#values++;
  }

  /** A point of a shorter slot: each counts the same in the mean. */
  merge(point: ArchivePoint): void {
    const mean = meanOf(point);
    this.add(point[0], mean ?? null);
    if (mean === undefined) return;
    this.#low = Math.min(this.#low, lowOf(point));
    this.#high = Math.max(this.#high, highOf(point));
  }

  /** The point; undefined where nothing was added. The builder is empty again. */
  take(): ArchivePoint | undefined {
    if (this.#isEmpty) return undefined;
    const point: ArchivePoint =
      this.#values === 0
        ? [this.#quality]
        : pointOf(this.#quality, this.#low, this.#high, this.#sum / this.#values);
    this.#quality = 0;
    this.#low = Number.POSITIVE_INFINITY;
    this.#high = Number.NEGATIVE_INFINITY;
    this.#sum = 0;
    this.#values = 0;
    this.#isEmpty = true;
    return point;
  }
}

/** Points with their times, in milliseconds since the epoch, in the order of time. */
export type TimedPoints = readonly (readonly [time: number, point: ArchivePoint])[];

/** The points of each slot of so many milliseconds as one point. */
export function mergeSlots(
  points: Iterable<readonly [time: number, point: ArchivePoint]>,
  slotMs: number,
): TimedPoints {
  const builders = new Map<number, PointBuilder>();
  for (const [time, point] of points) {
    const slot = startOf(time, slotMs);
    const builder = builders.get(slot) ?? new PointBuilder();
    builder.merge(point);
    builders.set(slot, builder);
  }
  return [...builders]
    .sort(([one], [other]) => one - other)
    .map(([time, builder]) => [time, builder.take()!]);
}

function isSame(one: ArchivePoint | undefined, other: ArchivePoint | undefined): boolean {
  if (!one || !other) return one === other;
  return one.length === other.length && one.every((value, i) => value === other[i]);
}

/** Equal slots in a row are one: how many they are, then the point. */
function runsOf(slots: Slots): number[][] {
  const runs: number[][] = [];
  let before: ArchivePoint | undefined;
  for (const point of slots) {
    const last = runs.at(-1);
    if (last && isSame(point, before)) last[0]!++;
    else runs.push([1, ...(point ?? [])]);
    before = point;
  }
  return runs;
}

/** The bytes of a chunk on disk. */
export function encodeChunk(chunk: Chunk): Buffer {
  const values = Object.fromEntries([...chunk].map(([id, slots]) => [id, runsOf(slots)]));
  return deflateRawSync(JSON.stringify(values));
}

/** Throws an Error where the bytes are no chunk. */
export function decodeChunk(bytes: Uint8Array, slots: number): Chunk {
  const values: unknown = JSON.parse(
    inflateRawSync(bytes, { maxOutputLength: LONGEST_CHUNK }).toString('utf8'),
  );
  if (typeof values !== 'object' || values === null) throw new Error('not a chunk of a history');
  const chunk = new Map<number, Slots>();
  for (const [id, runs] of Object.entries(values)) {
    if (!Array.isArray(runs) || !runs.every(isRun)) throw new Error('not a chunk of a history');
    const all: (ArchivePoint | undefined)[] = [];
    for (const [count, ...point] of runs as number[][]) {
      const known = point.length === 0 ? undefined : (point as unknown as ArchivePoint);
      for (let n = 0; n < count! && all.length < slots; n++) all.push(known);
    }
    chunk.set(Number(id), all);
  }
  return chunk;
}

function isRun(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    [1, 2, 3, 5].includes(value.length) &&
    value.every(Number.isFinite) &&
    (value.length === 1 || QUALITIES[value[1]] !== undefined)
  );
}
