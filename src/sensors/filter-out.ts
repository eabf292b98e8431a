import type { FilterOutConfig } from '../config/schema/filter-out.ts';
import type { Delay } from './delays.ts';
import { isUncertain, type QualifiedSample } from './qualified-sample.ts';

/** With so many samples in a row left out, the next one passes as bad: a fault that lasts must not look like the last value. */
const MOST_IN_A_ROW = 4;

/**
 * Leaves out samples that must not get into a later filter. A bad sample passes. The rate is compared with the last sample
 * that was not left out, over the time since then.
 */
export function createFilterOut(config: FilterOutConfig): Delay {
  let last: { readonly value: number; readonly now: number } | undefined;
  let leftOut = 0;

  return {
    drops: true,
    push(sample, now) {
      if (sample.quality === 'bad') {
        leftOut = 0;
        last = undefined;
        return sample;
      }
      const why = reasonOf(sample, config) ?? rateReason(sample, now, config, last);
      if (why === undefined) {
        leftOut = 0;
        if (typeof sample.value === 'number') last = { value: sample.value, now };
        return sample;
      }
      leftOut += 1;
      if (leftOut <= MOST_IN_A_ROW) return undefined;
      return { value: null, quality: 'bad', reason: `filtered out: ${why}` };
    },
    due: () => undefined,
    tick: () => undefined,
  };
}

/** Why it is left out. The reason has no measured value: gates let each new reason pass at once. */
function reasonOf(sample: QualifiedSample, config: FilterOutConfig): string | undefined {
  const { value, quality, reason } = sample;
  // That the clock is not set does not change a value.
  if (config.quality !== undefined && isUncertain(sample)) return `${quality}, ${reason}`;
  if (config.value?.some((one) => one === value)) return String(value);
  if (typeof value !== 'number') return undefined;
  if (config.above !== undefined && value > config.above) return `above ${config.above}`;
  if (config.below !== undefined && value < config.below) return `below ${config.below}`;
  const [low, high] = config.outside ?? [-Infinity, Infinity];
  return value < low || value > high ? `outside ${low} to ${high}` : undefined;
}

function rateReason(
  { value }: QualifiedSample,
  now: number,
  { rate, per }: FilterOutConfig,
  last: { readonly value: number; readonly now: number } | undefined,
): string | undefined {
  if (rate === undefined || last === undefined || typeof value !== 'number') return undefined;
  const change = Math.abs(value - last.value);
  return change * per > rate * (now - last.now)
    ? `changed by more than ${rate} in ${per / 1000} s`
    : undefined;
}
