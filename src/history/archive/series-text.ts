import type { ArchiveSeries } from './archive-file.ts';
import { type ArchivePoint, meanOf, QUALITIES } from './points.ts';

/** One point for people and spreadsheets; the numbers are null where there was no value. */
export interface SeriesPoint {
  readonly time: string;
  readonly quality: string;
  readonly low: number | null;
  readonly high: number | null;
  readonly mean: number | null;
}

export const CSV_HEAD = 'topic,time,quality,low,high,mean\n';

export function seriesPoint(time: number, point: ArchivePoint): SeriesPoint {
  const low = point[1] ?? null;
  return {
    time: new Date(time).toISOString(),
    quality: QUALITIES[point[0]]!,
    low,
    high: point[2] ?? low,
    mean: meanOf(point) ?? null,
  };
}

/** A line for each point [RFC 4180]. */
export function csvLines(topic: string, { points }: ArchiveSeries): string {
  const name = /[",\r\n]/.test(topic) ? `"${topic.replaceAll('"', '""')}"` : topic;
  return points
    .map(([at, point]) => {
      const { time, quality, low, high, mean } = seriesPoint(at, point);
      return `${name},${time},${quality},${low ?? ''},${high ?? ''},${mean ?? ''}\n`;
    })
    .join('');
}
