import type { ChartData } from './chart-data.ts';

/** A stretch of a band, in shares of its width from 0 to 1. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** On or off all the time, or both within it. */
  readonly state: 'on' | 'off' | 'both';
}

/** The stretches of a value that is on or off, oldest first; none where it has no value. */
export function stretchesOf(data: ChartData): Stretch[] {
  const [times, highs, lows, lasts] = data.columns;
  const end = times.at(-1);
  if (end === undefined) return [];
  const begin = data.beginOf(end);
  const shareOf = (time: number): number =>
    Math.min(1, Math.max(0, (time - begin) / (end - begin)));
  const stretches: Stretch[] = [];
  for (const [index, time] of times.entries()) {
    const last = lasts[index] ?? null;
    const [from, to] = [shareOf(times[index - 1] ?? begin), shareOf(time)];
    if (last === null || to <= from) continue;
    const isBoth = (highs[index] ?? last) !== (lows[index] ?? last);
    const state = isBoth ? 'both' : last > 0.5 ? 'on' : 'off';
    const before = stretches.at(-1);
    if (before?.state === state && state !== 'both' && before.to === from) {
      stretches[stretches.length - 1] = { ...before, to };
    } else stretches.push({ from, to, state });
  }
  return stretches;
}
