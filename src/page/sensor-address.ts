import { addressOf, decoded } from './router.ts';

/** The time that a chart shows: until now, or from one moment to another in milliseconds since the epoch. */
export type TimeRange =
  | { readonly lastMs: number }
  | { readonly from: number; readonly to: number };

/** What the page of sensors shows: the first name is the sensor, the others are compared with it. */
export interface SensorPlace {
  readonly names: readonly string[];
  readonly range: TimeRange;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The choices of the time, by their name in an address. */
export const RANGES: Readonly<Record<string, number>> = {
  '5min': 5 * MINUTE,
  '1h': HOUR,
  '8h': 8 * HOUR,
  '1d': DAY,
  '7d': 7 * DAY,
  '30d': 30 * DAY,
  '90d': 90 * DAY,
  '1y': 365 * DAY,
};
export const USUAL: TimeRange = { lastMs: HOUR };
/** Signals of one chart: more have no colours that differ. */
export const MOST_SIGNALS = 6;
const LONGEST_MS = 10 * 365 * DAY;
const SHORTEST_MS = 10_000;

/** The place of a part of an address, such as `gripper%2Fposition,cabinet;8h`; a wrong range is the usual one. */
export function sensorPlaceOf(part: string): SensorPlace {
  const [names = '', range = ''] = part.split(';', 2);
  const all = names.split(',').map(decoded);
  return { names: [...new Set(all)].slice(0, MOST_SIGNALS), range: rangeOf(range) };
}

/** The address of a place; the usual range is left out. */
export function sensorAddress({ names, range }: SensorPlace): string {
  const part = names.map((name) => encodeURIComponent(name)).join(',');
  const text = textOf(range);
  return `${addressOf('sensors')}/${part}${text === '' ? '' : `;${text}`}`;
}

function rangeOf(text: string): TimeRange {
  const lastMs = Object.hasOwn(RANGES, text) ? RANGES[text] : undefined;
  if (lastMs !== undefined) return { lastMs };
  const [, from, to] = /^(\d{1,11})-(\d{1,11})$/.exec(text) ?? [];
  const [fromMs, toMs] = [Number(from) * 1000, Number(to) * 1000];
  return toMs - fromMs >= SHORTEST_MS ? { from: fromMs, to: toMs } : USUAL;
}

function textOf(range: TimeRange): string {
  if (!('lastMs' in range)) {
    return `${Math.floor(range.from / 1000)}-${Math.ceil(range.to / 1000)}`;
  }
  if ('lastMs' in USUAL && range.lastMs === USUAL.lastMs) return '';
  return Object.keys(RANGES).find((name) => RANGES[name] === range.lastMs) ?? '';
}

/** From when to when. */
export function boundsOf(range: TimeRange, now: number): { from: number; to: number } {
  return 'lastMs' in range ? { from: now - range.lastMs, to: now } : range;
}

/** The range around the same middle, so many times as long; one that reaches now ends there. */
export function zoomed(range: TimeRange, factor: number, now: number): TimeRange {
  const { from, to } = boundsOf(range, now);
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (to - from) * factor));
  const end = Math.min(now, (from + to + length) / 2);
  return { from: end - length, to: end };
}

/** The range moved by this share of its length, not beyond now. */
export function panned(range: TimeRange, share: number, now: number): TimeRange {
  const { from, to } = boundsOf(range, now);
  const end = Math.min(now, to + (to - from) * share);
  return { from: end - (to - from), to: end };
}
