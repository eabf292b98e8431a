import type { KeyValueStore } from '../base/state.ts';
import { POINTS } from './hour-history.ts';

/** One value in the store: the points of all topics in an hour. */
const CHUNK_POINTS = 15;
/** A day, and the hour that is being filled. */
const CHUNKS = POINTS / CHUNK_POINTS + 1;

/** One number if the topic had only one value in the time of the point; null if it had none. */
export type Point = number | readonly [low: number, high: number, last: number] | null;

/** Points of all topics in the order of time; the points of a topic may end early. */
interface Chunk {
  readonly number: number;
  /** Milliseconds since the epoch at which each point ends. */
  readonly times: number[];
  readonly points: Record<string, Point[]>;
  /** The same on the monotonic clock; undefined for points of earlier starts. */
  readonly ends: (number | undefined)[];
  changed: boolean;
}

/** A point of one topic: `time` is since the epoch; `end` is on the monotonic clock, if this start has recorded it. */
export interface KeptPoint {
  readonly end: number | undefined;
  readonly time: number;
  readonly point: Point;
}

/** The points of the last day, in chunks of an hour; each chunk is one value in the store. */
export class DayChunks {
  readonly #state: KeyValueStore;
  #chunks: Chunk[];

  /** The chunks, with those that earlier starts have stored. */
  constructor(state: KeyValueStore) {
    this.#state = state;
    this.#chunks = readChunks(state);
  }

  /** Adds the points of all topics that end at `end` on the monotonic clock, which is `time` since the epoch. */
  append(
    end: number,
    time: number,
    points: Iterable<readonly [topic: string, point: Point]>,
  ): void {
    const chunk = this.#openChunk();
    const index = chunk.times.length;
    chunk.times.push(time);
    chunk.ends[index] = end;
    for (const [topic, point] of points) {
      chunk.points[topic] ??= [];
      const series = chunk.points[topic];
      while (series.length < index) series.push(null);
      series.push(point);
    }
    chunk.changed = true;
  }

  /** Calculates the times of this start's points again, after the wall clock was set. */
  redate(timeOf: (end: number) => number): void {
    for (const chunk of this.#chunks) {
      for (const [index, end] of chunk.ends.entries()) {
        if (end === undefined) continue;
        chunk.times[index] = timeOf(end);
        chunk.changed = true;
      }
    }
  }

  /** Writes the changed chunks to the store. */
  save(): void {
    for (const chunk of this.#chunks) {
      if (!chunk.changed) continue;
      chunk.changed = false;
      const { number, times, points } = chunk;
      this.#state.set(String(number % CHUNKS), { number, times, cells: points });
    }
  }

  /** The points of one topic, oldest first. */
  *of(topic: string): Iterable<KeptPoint> {
    for (const { times, ends, points } of this.#chunks) {
      for (const [index, point] of (points[topic] ?? []).entries()) {
        yield { end: ends[index], time: times[index]!, point };
      }
    }
  }

  #openChunk(): Chunk {
    const newest = this.#chunks.at(-1);
    if (newest && newest.times.length < CHUNK_POINTS) return newest;
    const number = (newest?.number ?? -1) + 1;
    const chunk = { number, times: [], points: {}, ends: [], changed: false };
    this.#chunks = [...this.#chunks, chunk].slice(-CHUNKS);
    return chunk;
  }
}

/** The chunks of earlier starts, oldest first; a value that is not a chunk is left out. */
function readChunks(state: KeyValueStore): Chunk[] {
  const chunks: Chunk[] = [];
  for (let key = 0; key < CHUNKS; key++) {
    const stored = state.get(String(key));
    if (!isStoredChunk(stored)) continue;
    const { number, times, cells: points } = stored;
    chunks.push({ number, times, points, ends: [], changed: false });
  }
  return chunks.sort((one, other) => one.number - other.number);
}

/** A chunk as it is in the store. */
interface StoredChunk {
  readonly number: number;
  readonly times: number[];
  readonly cells: Record<string, Point[]>;
}

function isStoredChunk(value: unknown): value is StoredChunk {
  if (typeof value !== 'object' || value === null) return false;
  const { number, times, cells } = value as Partial<StoredChunk>;
  return (
    Number.isSafeInteger(number) &&
    Array.isArray(times) &&
    times.every(Number.isFinite) &&
    typeof cells === 'object' &&
    cells !== null &&
    Object.values(cells).every((series) => Array.isArray(series) && series.every(isPoint))
  );
}

function isPoint(value: unknown): value is Point {
  if (value === null || Number.isFinite(value)) return true;
  return Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
}
