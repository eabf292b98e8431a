/** One point as the gateway gives it: the numbers are null where there was no value. */
export interface HistoryPoint {
  readonly time: string;
  readonly quality: string;
  readonly low: number | null;
  readonly high: number | null;
  readonly mean: number | null;
}

/** The history of one topic. */
export interface HistorySeries {
  readonly everyMs: number;
  readonly points: readonly HistoryPoint[];
}

type Column = (number | null)[];

/** What a chart draws: times in seconds; null is a gap, in which nothing is drawn. */
export interface SignalColumns {
  readonly times: number[];
  readonly low: Column;
  readonly high: Column;
  readonly mean: Column;
  readonly quality: (string | null)[];
}

export interface SignalSummary {
  readonly low: number;
  readonly high: number;
  readonly mean: number;
}

/** Points that are this many times further apart than usual have a gap between them. */
const GAP = 3;

/** The columns of a chart. A line never leads through a time without a value, or without any point. */
export function columnsOf({ everyMs, points }: HistorySeries): SignalColumns {
  const columns: SignalColumns = { times: [], low: [], high: [], mean: [], quality: [] };
  const longest = GAP * Math.max(everyMs, usualDistance(points));
  let before: number | undefined;
  for (const { time, quality, low, high, mean } of points) {
    // In the middle of its time.
    const at = Date.parse(time) + everyMs / 2;
    if (before !== undefined && at - before > longest) add(columns, (before + at) / 2);
    add(columns, at, quality, low, high, mean);
    before = at;
  }
  return columns;
}

/** Undefined where there is no value. The mean is of the points, each of which covers the same time. */
export function summaryOf({ points }: HistorySeries): SignalSummary | undefined {
  let [low, high, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const point of points) {
    if (point.low === null || point.high === null || point.mean === null) continue;
    low = Math.min(low, point.low);
    high = Math.max(high, point.high);
    sum += point.mean;
    count++;
  }
  return count === 0 ? undefined : { low, high, mean: sum / count };
}

/** The range of an axis with room: all values, and the limits that are not so far away that the line would be flat. */
export function axisRange(
  values: { readonly from: number | null; readonly to: number | null },
  limits: readonly number[],
): [number, number] {
  const [from, to] = [values.from ?? limits[0] ?? 0, values.to ?? limits[0] ?? 1];
  const reach = Math.max(2 * (to - from), Math.abs(to) * 0.5, 1e-6);
  const near = limits.filter((limit) => limit >= from - reach && limit <= to + reach);
  const [low, high] = [Math.min(from, ...near), Math.max(to, ...near)];
  const room = Math.max((high - low) * 0.08, Math.abs(high) * 0.005, 1e-6);
  return [low - room, high + room];
}

function add(
  { times, low, high, mean, quality }: SignalColumns,
  at: number,
  of: string | null = null,
  ...numbers: (number | null)[]
): void {
  times.push(at / 1000);
  low.push(numbers[0] ?? null);
  high.push(numbers[1] ?? null);
  mean.push(numbers[2] ?? null);
  quality.push(of);
}

/** The median distance of neighbours: a sensor may be read less often than the points are wide. */
function usualDistance(points: readonly HistoryPoint[]): number {
  const distances = points
    .slice(1)
    .map(({ time }, index) => Date.parse(time) - Date.parse(points[index]!.time))
    .sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)] ?? 0;
}
