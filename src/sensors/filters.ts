import type { KeyValueStore } from '../base/state.ts';
import type { FilterConfig } from '../config/schema/filters.ts';
import { createStages, type Stage } from './filter-stages.ts';
import { asUncertain, isSame, type QualifiedSample } from './qualified-sample.ts';

/** The filters of one channel. Moments are in milliseconds that never jump. */
export interface FilterChain {
  /** The unit that a filter sets for the values; undefined if they keep their own. */
  readonly unit: string | undefined;
  /**
   * Accepts the sample of a moment; returns the sample to publish, undefined to hold it back. The result is made of this sample
   * and, if a filter needs them, of earlier ones; a bad value is never replaced by the last good one.
   */
  push(sample: QualifiedSample, now: number): QualifiedSample | undefined;
  /** When `tick` may have a sample to publish; undefined while there is none. */
  due(): number | undefined;
  /** The sample that passes at that moment, to be published. */
  tick(now: number): QualifiedSample | undefined;
  /** The latest sample that came to the end, published or held back by gates; undefined while samples are filtered out. */
  readonly latest: QualifiedSample | undefined;
  /** How long before its publication the last published sample was taken, in milliseconds: a gate may have held it back. */
  readonly ageMs: number;
  /** Gives the sum of the last `integrate` such a value that the chain publishes this one; false if no filter has a sum. Throws as `rawOf`. */
  setSum(value: number): boolean;
  /** The value before the filters that the chain publishes as this one. Throws an Error if a filter is no straight line. */
  rawOf(value: number): number;
}

export interface FilterChainOptions {
  /** The unit of the channel. */
  readonly unit?: string;
  /** Gets a sentence about stored state that was converted or does not fit. */
  note?(text: string): void;
}

/**
 * Filters in the order of the config. Transforms (`median`, `round`, …) change the sample for those after them. Delays
 * (`debounce`, `delayedOn`, `throttleAverage`, …) keep it from those after them until its time has come. Gates
 * (`deadband`, `throttle`) hold it back, by the sample as it is at their place: `[round: 1, deadband: 0.2]` compares
 * rounded values, and transforms behind a gate still see every sample. What `throttle` holds back passes when its time is
 * over. `heartbeat`, at any place, publishes when nothing was published for its time although samples came. A change of
 * quality, or of the reason of a bad value, always passes gates at once. `state` keeps the sum of `integrate`. Throws a
 * RangeError for invalid numbers.
 */
export function createFilterChain(
  configs: readonly FilterConfig[],
  state: KeyValueStore,
  options: FilterChainOptions = {},
): FilterChain {
  return new Chain(configs, state, options);
}

/** A sample at the end of the chain, as it was behind each stage. */
interface Passage {
  readonly sample: QualifiedSample;
  readonly seen: readonly QualifiedSample[];
  /** When it was taken, or passed the last delay. */
  readonly takenAt: number;
}

interface PublishedPassage extends Passage {
  readonly now: number;
  readonly byTimer: boolean;
}

/** A sample that gates hold back until a moment; without one, until a heartbeat. */
interface Held extends Passage {
  readonly until: number | undefined;
}

/** A read and a timer of the same moment are so close. */
const MEETING_MS = 10;
const LEFT_OUT = 'the samples since were filtered out';

class Chain implements FilterChain {
  readonly unit: string | undefined;
  readonly #configs: readonly FilterConfig[];
  readonly #stages: readonly Stage[];
  readonly #heartbeatMs: number;
  #published: PublishedPassage | undefined;
  /** The latest sample since the last publication that came to the end. */
  #held: Held | undefined;
  /** Whether since then a later sample stayed with a delay, or was left out. */
  #kept: 'no' | 'waits' | 'leftOut' = 'no';

  constructor(
    configs: readonly FilterConfig[],
    state: KeyValueStore,
    { unit = '', note }: FilterChainOptions,
  ) {
    this.#configs = configs;
    this.#stages = createStages(configs, { store: state, unit, ...(note ? { note } : {}) });
    this.unit = configs.findLast((config) => 'unit' in config)?.unit;
    const heartbeats = this.#stages.flatMap((stage) =>
      'gate' in stage ? [stage.gate.forcesAfterMs ?? Infinity] : [],
    );
    this.#heartbeatMs = Math.min(...heartbeats);
  }

  push(sample: QualifiedSample, now: number): QualifiedSample | undefined {
    return this.#run(sample, now, 0);
  }

  due(): number | undefined {
    let due = this.#held?.until ?? Infinity;
    for (const stage of this.#stages) {
      if ('delay' in stage) due = Math.min(due, stage.delay.due() ?? Infinity);
    }
    due = Math.min(due, this.#heartbeatDue());
    return due === Infinity ? undefined : due;
  }

  tick(now: number): QualifiedSample | undefined {
    for (const [index, stage] of this.#stages.entries()) {
      if (!('delay' in stage) || (stage.delay.due() ?? Infinity) > now) continue;
      const sample = stage.delay.tick(now);
      if (sample === undefined) continue;
      const passed = this.#run(sample, now, index + 1, true);
      if (passed !== undefined) return passed;
    }
    const held = this.#held;
    if (held !== undefined && (held.until ?? Infinity) <= now)
      return this.#publish(held, now, true);
    return this.#heartbeatDue() <= now ? this.#beat(now) : undefined;
  }

  get latest(): QualifiedSample | undefined {
    if (this.#held !== undefined) return this.#held.sample;
    return this.#kept === 'leftOut' ? undefined : this.#published?.sample;
  }

  get ageMs(): number {
    return this.#published ? Math.max(0, this.#published.now - this.#published.takenAt) : 0;
  }

  setSum(value: number): boolean {
    const index = this.#configs.findLastIndex((config) => 'integrate' in config);
    const stage = this.#stages[index];
    if (stage === undefined || !('transform' in stage) || !stage.set) return false;
    stage.set(this.#configs.slice(index + 1).reduceRight(undone, value));
    return true;
  }

  rawOf(value: number): number {
    return this.#configs.reduceRight(undone, value);
  }

  /** Sends a sample through the stages from one on. */
  #run(
    raw: QualifiedSample,
    now: number,
    start: number,
    byTimer = false,
  ): QualifiedSample | undefined {
    const published = this.#published;
    let sample = raw;
    let isHeld = false;
    let until: number | undefined = now;
    let forced = published === undefined;
    // If a sample starts at a later stage, the stages before have not seen it: they compare with what they let pass.
    const seen = published?.seen.slice(0, start) ?? Array<QualifiedSample>(start).fill(raw);
    for (const [index, stage] of this.#stages.entries()) {
      if (index < start) continue;
      if ('transform' in stage) sample = stage.transform(sample, now);
      if ('delay' in stage) {
        const passed = stage.delay.push(sample, now);
        if (passed === undefined) {
          this.#kept = stage.delay.drops ? 'leftOut' : 'waits';
          return undefined;
        }
        sample = passed;
      }
      seen.push(sample);
      const last = published?.seen[index];
      if (!('gate' in stage) || published === undefined || last === undefined) continue;
      const { gate } = stage;
      const decision = gate.decide(sample, now, { sample: last, now: published.now });
      if (decision === 'force') forced = true;
      if (decision !== 'hold') continue;
      isHeld = true;
      const { holdsForMs } = gate;
      if (holdsForMs === undefined || until === undefined) until = undefined;
      else until = Math.max(until, published.now + holdsForMs);
    }
    const passage = { sample, seen, takenAt: now };
    this.#kept = 'no';
    this.#held = undefined;
    if (published !== undefined && !forced && !qualityChanged(published.sample, sample)) {
      // The read that a timer has met says the same once more.
      const meets = !byTimer && published.byTimer && now - published.now < MEETING_MS;
      if (meets && isSame(published.sample, sample)) return undefined;
      if (isHeld) {
        this.#held = { ...passage, until };
        return undefined;
      }
    }
    return this.#publish(passage, now, byTimer);
  }

  #publish(passage: Passage, now: number, byTimer: boolean): QualifiedSample {
    this.#published = { ...passage, now, byTimer };
    this.#held = undefined;
    this.#kept = 'no';
    return passage.sample;
  }

  #heartbeatDue(): number {
    const isFresh = this.#held !== undefined || this.#kept !== 'no';
    return isFresh && this.#published ? this.#published.now + this.#heartbeatMs : Infinity;
  }

  /** The latest value at the end of the chain once more: a delay keeps it as it is until its time has come. */
  #beat(now: number): QualifiedSample | undefined {
    if (this.#held !== undefined) return this.#publish(this.#held, now, true);
    if (this.#published === undefined) return undefined;
    const { sample, seen } = this.#published;
    const current = this.#kept === 'leftOut' ? asUncertain(sample, LEFT_OUT) : sample;
    return this.#publish({ sample: current, seen, takenAt: now }, now, true);
  }
}

function qualityChanged(before: QualifiedSample, after: QualifiedSample): boolean {
  if (before.quality !== after.quality) return true;
  return after.quality === 'bad' && before.reason !== after.reason;
}

/** The number that the filter makes this value of. Throws an Error if that is not known. */
function undone(value: number, config: FilterConfig): number {
  if ('offset' in config) return value - config.offset;
  const [name = ''] = Object.keys(config);
  const [start, slope] = lineOf(config) ?? [0, 1];
  if (slope === 0 || Number.isNaN(slope))
    throw new Error(
      `the filter ${name} can not be calculated backwards, so the value can not be set`,
    );
  return (value - start) / slope;
}

/** Value at 0 and slope of a filter that is a straight line; NaN for one that is none; undefined if it keeps values. */
function lineOf(config: FilterConfig): readonly [start: number, slope: number] | undefined {
  if ('multiply' in config) return [0, config.multiply];
  if ('calibrate' in config) {
    const [[rawA, trueA], [rawB, trueB]] = config.calibrate;
    const slope = (trueB - trueA) / (rawB - rawA);
    return [trueA - rawA * slope, slope];
  }
  if ('polynomial' in config) {
    const [start = 0, slope = 0, ...more] = config.polynomial;
    return [start, more.some((one) => one !== 0) ? Number.NaN : slope];
  }
  return 'derivative' in config || 'map' in config ? [0, Number.NaN] : undefined;
}
