import type { Faults } from '../base/faults.ts';
import type { Service } from '../base/lifecycle.ts';
import type { SensorStatus } from '../sensors/sensor-status.ts';
import type { UplinkStatus } from '../uplink/uplink.ts';

/** One point covers so many milliseconds; the points of one topic cover an hour. */
export const POINT_MS = 10_000;
export const POINTS = 360;
/** The most topics with a history, because a point needs 24 bytes. */
const TOPICS = 2000;
const POLL_MS = 1000;

/** The values of a topic: lowest, highest and last within each point, the newest point last; null if there was none. */
export interface Series {
  /** Milliseconds since the epoch at which the newest point ends. */
  readonly end: number;
  readonly everyMs: number;
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  readonly last: readonly (number | null)[];
}

/** The values of a topic over a period. */
export interface Summary {
  readonly low: number;
  readonly high: number;
  readonly last: number;
}

export interface HourHistoryParts {
  /** Milliseconds that never jump. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  wall(): number;
  /** The value of every topic at this moment; null if it has none. */
  values(): Iterable<readonly [topic: string, value: number | null]>;
  readonly faults: Faults;
}

export interface HourHistory extends Service {
  /** Undefined for a topic without history. */
  of(topic: string): Series | undefined;
  /** From one moment of the monotonic clock to another, both widened to whole points; undefined where it had no value. */
  within(topic: string, from: number, to: number): Summary | undefined;
}

interface Ring {
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly last: Float64Array;
  /** Number of the newest point since the start. */
  newest: number;
  /** Number of the last point at which the topic was there. */
  seen: number;
}

/** The last hour in memory: polls every value once a second and keeps one point for ten of them. */
export function createHourHistory({
  monotonic,
  wall,
  values,
  faults,
}: HourHistoryParts): HourHistory {
  const rings = new Map<string, Ring>();
  let timer: NodeJS.Timeout | undefined;

  const poll = (): void => {
    const point = Math.floor(monotonic() / POINT_MS);
    for (const [topic, value] of values()) {
      const ring = rings.get(topic) ?? create(topic, point);
      if (!ring) continue;
      ring.seen = point;
      forward(ring, point);
      if (value === null) continue;
      const at = point % POINTS;
      ring.last[at] = value;
      // Negated, so that an empty point, which is NaN, is replaced.
      if (!(ring.low[at]! <= value)) ring.low[at] = value;
      if (!(ring.high[at]! >= value)) ring.high[at] = value;
    }
  };

  /** Those of topics that were removed from the config make room when their hour is over. */
  const dropGone = (point: number): void => {
    for (const [topic, { seen }] of rings) if (point - seen >= POINTS) rings.delete(topic);
  };

  const create = (topic: string, point: number): Ring | undefined => {
    if (rings.size >= TOPICS) dropGone(point);
    if (rings.size >= TOPICS) return undefined;
    const empty = (): Float64Array => new Float64Array(POINTS).fill(Number.NaN);
    const ring = { low: empty(), high: empty(), last: empty(), newest: point, seen: point };
    rings.set(topic, ring);
    return ring;
  };

  return {
    name: 'history',
    async start() {
      const guarded = faults.guard('feed', 'recording the history', poll);
      guarded();
      timer = setInterval(guarded, POLL_MS);
    },
    async stop() {
      clearInterval(timer);
    },
    of(topic) {
      const ring = rings.get(topic);
      if (!ring) return undefined;
      const now = monotonic();
      forward(ring, Math.floor(now / POINT_MS));
      const end = wall() - now + (ring.newest + 1) * POINT_MS;
      const { low, high, last } = ring;
      return {
        end: Math.round(end),
        everyMs: POINT_MS,
        low: inOrder(low, ring.newest),
        high: inOrder(high, ring.newest),
        last: inOrder(last, ring.newest),
      };
    },
    within(topic, from, to) {
      const ring = rings.get(topic);
      if (!ring) return undefined;
      const newest = Math.floor(monotonic() / POINT_MS);
      forward(ring, newest);
      const end = Math.min(Math.ceil(to / POINT_MS), newest + 1);
      let [low, high, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
      for (
        let point = Math.max(Math.floor(from / POINT_MS), newest - POINTS + 1);
        point < end;
        point++
      ) {
        const at = point % POINTS;
        if (Number.isNaN(ring.last[at])) continue;
        low = Math.min(low, ring.low[at]!);
        high = Math.max(high, ring.high[at]!);
        last = ring.last[at]!;
      }
      return Number.isNaN(last) ? undefined : { low, high, last };
    },
  };
}

/** Empties the points that have passed without a value. */
function forward(ring: Ring, point: number): void {
  for (let next = Math.max(ring.newest + 1, point - POINTS + 1); next <= point; next++) {
    for (const column of [ring.low, ring.high, ring.last]) column[next % POINTS] = Number.NaN;
  }
  ring.newest = Math.max(ring.newest, point);
}

function inOrder(column: Float64Array, newest: number): (number | null)[] {
  return Array.from({ length: POINTS }, (_, index) => {
    const value = column[(newest + 1 + index) % POINTS]!;
    return Number.isNaN(value) ? null : value;
  });
}

/** The values that have a history: every channel that is a number or on and off, and every uplink's queue on its `$SYS` topic. */
export function* chartedValues(
  sensors: readonly SensorStatus[],
  uplinks: readonly { readonly status: UplinkStatus }[],
): Iterable<readonly [topic: string, value: number | null]> {
  for (const { channels } of sensors) {
    for (const { topic, value } of channels) {
      if (typeof value !== 'string') yield [topic, value === null ? null : Number(value)];
    }
  }
  for (const { status } of uplinks) yield [`$SYS/cellgate/uplink/${status.name}`, status.queued];
}
