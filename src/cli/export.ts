import { existsSync } from 'node:fs';
import type { Drivers } from '../driver-kit/driver.ts';
import { parseDuration } from '../driver-kit/units.ts';
import { ArchiveFile, type ArchiveSeries, archiveFile } from '../history/archive/archive-file.ts';
import { CSV_HEAD, csvLines, seriesPoint } from '../history/archive/series-text.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import { writePaced } from './paced-output.ts';

export interface ExportOptions extends ConfigOption {
  readonly topic?: readonly string[] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly every: string;
  readonly format: string;
}

const SECOND_MS = 1000;
/** Points that are read at once. */
const POINTS_AT_ONCE = 5000;

interface Asked {
  readonly from: number | undefined;
  readonly to: number;
  readonly everyMs: number;
  readonly lines: (topic: string, series: ArchiveSeries) => string;
}

/** `export`: the long histories as CSV or as lines of JSON, also while a gateway runs. */
export function exportHistory(options: ExportOptions, io: Io, drivers: Drivers): Promise<number> {
  const asked = parse(options);
  if (typeof asked === 'string') {
    io.stderr.write(`cellgate: ${asked}\n`);
    return Promise.resolve(EXIT.usage);
  }
  return withData(options, io, drivers, async (folder) => {
    const file = archiveFile(folder);
    if (!existsSync(file)) {
      throw new Error(
        `there is no ${file}: a sensor with history: { keep: 90d } begins it, see docs/history.md`,
      );
    }
    const archive = ArchiveFile.openReadOnly(file);
    try {
      const all = archive.topics();
      const topics = options.topic ?? all;
      const missing = topics.find((topic) => !all.includes(topic));
      if (missing !== undefined) {
        throw new Error(`there is no history of ${missing}; there is one of ${all.join(', ')}`);
      }
      await writePaced(parts(archive, topics, asked, options.format), io.stdout);
      return EXIT.ok;
    } finally {
      archive.close();
    }
  });
}

function parse({ from, to, every, format }: ExportOptions): Asked | string {
  const everyMs = parseDuration(every);
  if (everyMs === undefined || everyMs < SECOND_MS) {
    return `--every ${every}: a duration from 1s on was expected, such as 1m`;
  }
  if (format !== 'csv' && format !== 'json') return `--format ${format}: csv or json was expected`;
  const [begin, end] = [from, to].map((text) =>
    text === undefined ? undefined : Date.parse(text),
  );
  const wrong = [begin, end].findIndex((time) => time !== undefined && Number.isNaN(time));
  if (wrong !== -1) {
    const name = ['from', 'to'][wrong];
    return `--${name} ${[from, to][wrong]}: a time was expected, such as 2026-11-29T08:00:00Z`;
  }
  return {
    from: begin,
    to: end ?? Date.now(),
    everyMs,
    lines: format === 'csv' ? csvLines : jsonLines,
  };
}

function jsonLines(topic: string, { points }: ArchiveSeries): string {
  return points
    .map(([at, point]) => `${JSON.stringify({ topic, ...seriesPoint(at, point) })}\n`)
    .join('');
}

function* parts(
  archive: ArchiveFile,
  topics: readonly string[],
  { from, to, everyMs, lines }: Asked,
  format: string,
): Iterable<string> {
  if (format === 'csv') yield CSV_HEAD;
  const stepMs = POINTS_AT_ONCE * everyMs;
  for (const topic of topics) {
    const first = Math.floor((from ?? archive.oldest(topic) ?? to) / everyMs) * everyMs;
    for (let begin = first; begin < to; begin += stepMs) {
      const range = { topic, from: begin, to: Math.min(to, begin + stepMs), most: POINTS_AT_ONCE };
      yield lines(topic, archive.read({ ...range, everyMs }));
    }
  }
}
