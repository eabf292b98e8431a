import type { LiveChannel } from './readings.ts';
import { decimal, longSpan, translate } from './translations.ts';

/** From this many seconds on, a value in seconds is a time in words. */
const WORDS_FROM_S = 3600;

/** A value and its unit as they are shown. */
export interface ShownValue {
  readonly value: string;
  readonly unit: string;
}

/** The newest value of a channel as text: numbers with fixed decimals, long times in words. */
export function shownValue({ reading, decimals }: LiveChannel): ShownValue {
  const { value, unit = '' } = reading;
  if (value === null) return { value: '—', unit: '' };
  if (typeof value === 'boolean') return { value: translate(value ? 'yes' : 'no'), unit: '' };
  if (typeof value === 'string') return { value, unit };
  if (unit === 's' && value >= WORDS_FROM_S) return { value: longSpan(value * 1000), unit: '' };
  return { value: decimal(value, decimals), unit };
}

/** Both as one text. */
export function valueText(channel: LiveChannel): string {
  const { value, unit } = shownValue(channel);
  return `${value} ${unit}`.trim();
}
