import { parseDuration } from '../driver-kit/units.ts';
import type { Archive } from '../history/archive/archive.ts';
import type { ArchiveSeries } from '../history/archive/archive-file.ts';
import { CSV_HEAD, csvLines, seriesPoint } from '../history/archive/series-text.ts';
import { POINTS, type Series } from '../history/hour-history.ts';
import { type RecentHistory, recentSeries } from '../history/recent-series.ts';
import { type Answer, jsonAnswer, textAnswer } from './answer.ts';

export interface HistoryParts {
  readonly archive: Pick<Archive, 'read'>;
  readonly history: RecentHistory;
}

const DAY_MS = 86_400_000;
const USUAL_POINTS = 1000;
const MOST_POINTS = 20_000;

/** What a request asks for, beside the topics; a text says what is wrong with it. */
interface Asked {
  readonly from: number;
  readonly to: number;
  readonly most: number;
  readonly everyMs?: number | undefined;
}

/** Whether a request asks for a long history. */
export function isLong(query: URLSearchParams): boolean {
  return ['from', 'to', 'points', 'every', 'format'].some((name) => query.has(name));
}

/** The history of topics that the visitor may read, as JSON or CSV: the long one, else what is kept of every sensor. */
export async function longSeries(
  { archive, history }: HistoryParts,
  topics: readonly string[],
  query: URLSearchParams,
): Promise<Answer> {
  const asked = parse(query);
  if (typeof asked === 'string') return textAnswer(400, asked);
  const format = query.get('format') ?? 'json';
  if (format !== 'json' && format !== 'csv') return textAnswer(400, 'format is json or csv.');
  const found: (readonly [string, ArchiveSeries])[] = [];
  try {
    for (const topic of topics) {
      const range = { topic, ...asked };
      const long = await archive.read(range);
      const isEmpty = long.points.length === 0;
      found.push([topic, isEmpty ? recentSeries(history, range) : long]);
    }
  } catch (error) {
    return textAnswer(503, `The history can't be read: ${(error as Error).message}`);
  }
  if (format === 'json') {
    const byTopic = found.map(([topic, { slotMs, points }]) => [
      topic,
      { everyMs: slotMs, points: points.map(([at, point]) => seriesPoint(at, point)) },
    ]);
    return jsonAnswer(Object.fromEntries(byTopic));
  }
  const body = CSV_HEAD + found.map(([topic, series]) => csvLines(topic, series)).join('');
  const headers = { 'content-disposition': 'attachment; filename="history.csv"' };
  return { status: 200, type: 'text/csv; charset=utf-8', body, headers };
}

function parse(query: URLSearchParams): Asked | string {
  const every = query.get('every');
  const everyMs = every === null ? undefined : parseDuration(every);
  if (every !== null && (everyMs === undefined || everyMs < 1000)) {
    return 'every is a duration from 1s on, such as 1m.';
  }
  const longestMs = everyMs === undefined ? Number.POSITIVE_INFINITY : everyMs * MOST_POINTS;
  const to = timeOf(query.get('to'), Date.now());
  if (to === undefined) return 'to is a time such as 2026-11-29T08:00:00Z.';
  const from = timeOf(query.get('from'), to - Math.min(DAY_MS, longestMs));
  if (from === undefined || from >= to) {
    return 'from is a time before to, such as 2026-11-28T08:00:00Z.';
  }
  if (to - from > longestMs) {
    return `These would be more than ${MOST_POINTS} points: ask for a shorter time, or with a longer every.`;
  }
  const most = Number(query.get('points') ?? USUAL_POINTS);
  if (!Number.isInteger(most) || most < 1 || most > MOST_POINTS) {
    return `points is a number from 1 to ${MOST_POINTS}.`;
  }
  return { from, to, most, everyMs };
}

/** Milliseconds since the epoch, of a date [ISO 8601] or such a number. */
function timeOf(text: string | null, usual: number): number | undefined {
  if (text === null) return usual;
  const time = /^\d{12,14}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(time) ? time : undefined;
}

/** The times of the page's charts; each has as many points as an hour has. */
const SPANS_MS: Readonly<Record<string, number>> = {
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS,
  quarter: 90 * DAY_MS,
};

/** The last day or a longer time of a topic for the page; undefined where its history is not kept for long. */
export async function longChart(
  archive: Pick<Archive, 'read' | 'isKept'>,
  topic: string,
  span: string,
): Promise<Series | undefined> {
  const spanMs = SPANS_MS[span];
  if (spanMs === undefined || !archive.isKept(topic)) return undefined;
  const everyMs = spanMs / POINTS;
  const end = (Math.floor(Date.now() / everyMs) + 1) * everyMs;
  const from = end - spanMs;
  const { points } = await archive.read({ topic, from, to: end, most: POINTS, everyMs });
  const column = (): (number | null)[] => Array(POINTS).fill(null);
  const series = { end, everyMs, low: column(), high: column(), last: column() };
  for (const [time, point] of points) {
    const at = Math.floor((time - from) / everyMs);
    const { low, high, mean } = seriesPoint(time, point);
    series.low[at] = low;
    series.high[at] = high;
    series.last[at] = mean;
  }
  return series;
}
