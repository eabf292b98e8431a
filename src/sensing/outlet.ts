import type { Clock } from '../clock.ts';
import type { FilterConfig } from '../config/filters.ts';
import type { Channel, Sample } from '../driver.ts';
import { CLOCK_NOT_SET, dated, encodeReading, type PayloadForm, type Reading } from '../reading.ts';
import type { Sequence } from '../sequence.ts';
import type { State } from '../state.ts';
import { createFilterChain } from './filters.ts';
import type { Judged } from './judged.ts';

/** One channel on its way out: judged, filtered, numbered, published under its own topic. */
export interface Outlet {
  readonly channel: Channel;
  /** The channel's own, or what a filter makes of it. */
  readonly unit: string;
  readonly topic: string;
  /** Published readings so far; the number of the last one. */
  readonly seq: number;
  /** Samples taken so far, also those that the filters held back. */
  readonly taken: number;
  /** What was published last; undefined before the first. */
  readonly latest: Judged | undefined;
  /** Takes a sample of the moment `now`, in milliseconds that never jump. */
  take(sample: Sample | undefined, now: number): void;
  /** Publishes nothing more by itself. */
  stop(): void;
}

export interface OutletParts {
  readonly sensor: string;
  readonly topic: string;
  readonly payload: PayloadForm;
  readonly sequence: Sequence;
  readonly boot: number;
  readonly filters: readonly FilterConfig[];
  readonly clock: Clock;
  /** What filters remember over restarts. */
  readonly state: State;
  /** Whether `wall` can be believed. */
  clockIsSet(): boolean;
  publish(topic: string, payload: Uint8Array): void;
}

/** An outlet that has published nothing. Throws a RangeError when the filters make no sense. */
export function createOutlet(channel: Channel, parts: OutletParts): Outlet {
  const { sensor, topic, payload, boot, clock, sequence } = parts;
  const chain = createFilterChain(parts.filters, parts.state);
  const unit = chain.unit ?? channel.unit;
  const life = new AbortController();
  let taken = 0;
  let latest: Judged | undefined;
  let alarm: number | undefined;

  const publish = (passed: Judged | undefined): void => {
    if (passed === undefined) return;
    latest = passed;
    const seq = sequence.next(topic);
    const reading: Reading = { sensor, unit, time: clock.wall(), ...passed };
    const told = dated(reading, parts.clockIsSet());
    parts.publish(topic, encodeReading(told, { payload, boot, seq }));
  };

  /** Filters that keep a sample want to be asked again. An alarm that comes too early sets the next one. */
  const schedule = (now: number): void => {
    const due = chain.due();
    if (due === undefined || life.signal.aborted || (alarm !== undefined && alarm <= due)) return;
    alarm = due;
    clock.sleep(Math.max(1, due - now), life.signal).then(
      () => {
        if (alarm === due) alarm = undefined;
        const later = clock.monotonic();
        publish(chain.tick(later));
        schedule(later);
      },
      () => undefined,
    );
  };

  return {
    channel,
    unit,
    topic,
    get seq() {
      return sequence.last(topic);
    },
    get taken() {
      return taken;
    },
    get latest() {
      return latest;
    },
    take(sample, now) {
      taken += 1;
      publish(chain.push(judge(sample, channel, parts.clockIsSet()), now));
      schedule(now);
    },
    stop: () => life.abort(),
  };
}

/** What a driver's sample is worth: nothing when it has no finite value, doubtful outside the channel's range. */
export function judge(sample: Sample | undefined, channel: Channel, clockIsSet = true): Judged {
  if (sample === undefined) return bad('the driver gave no value');
  const { value, quality = 'good', reason } = sample;
  if (value === null || quality === 'bad') return bad(reason ?? 'the driver gave no value');
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return bad(`not a finite number: ${value}`);
  }
  if (quality === 'uncertain') return { value, quality, reason: reason ?? 'the driver doubts it' };
  const [low, high] = channel.range ?? [];
  if (typeof value === 'number' && low !== undefined && high !== undefined) {
    if (value < low || value > high) {
      const unit = channel.unit === '' ? '' : ` ${channel.unit}`;
      return doubtful(value, `outside the sensor's range of ${low} to ${high}${unit}`);
    }
  }
  return clockIsSet ? { value, quality: 'good' } : doubtful(value, CLOCK_NOT_SET);
}

function bad(reason: string): Judged {
  return { value: null, quality: 'bad', reason };
}

function doubtful(value: Judged['value'], reason: string): Judged {
  return { value, quality: 'uncertain', reason };
}
