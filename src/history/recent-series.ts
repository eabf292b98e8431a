import type { ArchiveSeries, Range } from './archive/archive-file.ts';
import { type ArchivePoint, mergeSlots, pointOf, type TimedPoints } from './archive/points.ts';
import type { Series } from './hour-history.ts';

/** What is kept of every sensor, also without a long history. */
export interface RecentHistory {
  hour(topic: string): Series | undefined;
  day(topic: string): Series | undefined;
}

const GOOD = 0;
const BAD = 2;

/**
 * The last hour and, where it is kept, the last day of a topic in the form of the long history. Their quality is not
 * kept: a point with a value is good, one without is bad; the mean is the last value.
 */
export function recentSeries(
  history: RecentHistory,
  { topic, from, to, most, everyMs }: Range,
): ArchiveSeries {
  const hour = history.hour(topic);
  const day = history.day(topic);
  const hourPoints = hour ? pointsOf(hour) : [];
  const hourBegin = hourPoints[0]?.[0] ?? Number.POSITIVE_INFINITY;
  const dayPoints = day && from < hourBegin ? pointsOf(day) : [];
  const older = dayPoints.filter(([time]) => time < hourBegin);
  const points = [...older, ...hourPoints].filter(([time]) => time >= from && time < to);
  const least = (older.length > 0 ? day : hour)?.everyMs ?? 1000;
  const wanted = everyMs ?? Math.ceil((to - from) / most / least) * least;
  const slotMs = Math.max(least, wanted);
  return { slotMs, points: mergeSlots(points, slotMs) };
}

/** The points from the first value on; each begins at its time. */
function pointsOf({ end, everyMs, low, high, last }: Series): TimedPoints {
  const begin = end - last.length * everyMs;
  const first = last.findIndex((value) => value !== null);
  if (first < 0) return [];
  return last.slice(first).map((value, index) => {
    const at = first + index;
    const point: ArchivePoint =
      value === null ? [BAD] : pointOf(GOOD, low[at] ?? value, high[at] ?? value, value);
    return [begin + at * everyMs, point];
  });
}
