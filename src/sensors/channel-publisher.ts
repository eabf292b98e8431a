import type { Clock } from '../base/clock.ts';
import type { Sequence } from '../base/sequence.ts';
import type { KeyValueStore } from '../base/state.ts';
import type { FilterConfig } from '../config/schema/filters.ts';
import type { MirrorConfig } from '../config/schema/sensors.ts';
import { mirrorTopic } from '../driver-kit/cell-topics.ts';
import type { Channel, Sample } from '../driver-kit/driver.ts';
import {
  CLOCK_NOT_SET,
  encodeReading,
  type PayloadForm,
  type Reading,
  withClockState,
} from '../driver-kit/reading.ts';
import { createFilterChain } from './filters.ts';
import type { QualifiedSample } from './qualified-sample.ts';

/** How a reading is written, and how long it is worth something, in milliseconds. */
export interface ReadingForm {
  readonly payload: PayloadForm;
  readonly expires?: number | undefined;
}

/** Publishes one channel under its own topic: assesses the quality of its samples, filters and numbers them. */
export interface ChannelPublisher {
  readonly channel: Channel;
  /** The channel's own unit, or the one that a filter sets. */
  readonly unit: string;
  readonly topic: string;
  /** The topic of the second copy of its readings. */
  readonly mirror: string | undefined;
  /** Published readings so far; the number of the last one. */
  readonly seq: number;
  /** Samples taken so far, including those that the filters held back. */
  readonly taken: number;
  /** The latest published reading; undefined before the first. */
  readonly latest: QualifiedSample | undefined;
  /** Accepts a sample of the moment `now`, in milliseconds that never jump. */
  take(sample: Sample | undefined, now: number): void;
  /** Whether it counts: its driver can set it, or a filter has a sum. */
  readonly isSettable: boolean;
  /** Sets the sum of a filter, or else the channel by `setRaw`. */
  set(value: number, setRaw: (raw: number) => void): void;
  /** Stops: kept samples are not published any more. */
  stop(): void;
}

export interface ChannelPublisherParts {
  readonly sensor: string;
  readonly topic: string;
  readonly payload: PayloadForm;
  /** Where each reading is published once more. */
  readonly mirror?: MirrorConfig | undefined;
  readonly sequence: Sequence;
  /** The number of this start of the gateway; it may grow while it runs. */
  boot(): number;
  readonly filters: readonly FilterConfig[];
  readonly clock: Clock;
  /** State of the filters that survives a restart. */
  readonly state: KeyValueStore;
  /** Whether the wall clock is set. */
  clockIsSet(): boolean;
  /** Gets the latest sample behind the filters after each one that was taken, also if gates hold it back. */
  observe?(sample: QualifiedSample, now: number): void;
  /** Gets a sentence about stored state of the filters that was converted or does not fit. */
  note?(text: string): void;
  publish(topic: string, payload: Uint8Array, form: PayloadForm): void;
}

/** A publisher that has published nothing. Throws a RangeError if the filters are invalid. */
export function createChannelPublisher(
  channel: Channel,
  parts: ChannelPublisherParts,
): ChannelPublisher {
  const { sensor, topic, payload, mirror, boot, clock, sequence } = parts;
  const chain = createFilterChain(parts.filters, parts.state, {
    unit: channel.unit,
    ...(parts.note ? { note: parts.note } : {}),
  });
  const unit = chain.unit ?? channel.unit;
  const life = new AbortController();
  let taken = 0;
  let latest: QualifiedSample | undefined;
  let alarm: number | undefined;

  const publish = (passed: QualifiedSample | undefined): void => {
    if (passed === undefined) return;
    latest = passed;
    const seq = sequence.next(topic);
    const reading: Reading = { sensor, unit, time: clock.wall() - chain.ageMs, ...passed };
    const dated = withClockState(reading, parts.clockIsSet());
    parts.publish(topic, encodeReading(dated, { payload, boot: boot(), seq }), payload);
    if (mirror === undefined) return;
    const copy = encodeReading(dated, { payload: mirror.payload, boot: boot(), seq });
    parts.publish(mirrorTopic(mirror, channel.name), copy, mirror.payload);
  };

  let observed: QualifiedSample | undefined;

  const observe = (now: number): void => {
    observed = chain.latest;
    if (parts.observe && observed) parts.observe(observed, now);
  };

  /** Runs the filters again when a kept sample is due. A timer that fires too early is set again. */
  const schedule = (): void => {
    const due = chain.due();
    if (due === undefined || life.signal.aborted || (alarm !== undefined && alarm <= due)) return;
    alarm = due;
    clock.sleep(Math.max(1, due - clock.monotonic()), life.signal).then(
      () => {
        if (alarm === due) alarm = undefined;
        const now = clock.monotonic();
        publish(chain.tick(now));
        // A sample that a gate held back was observed when it was taken.
        if (chain.latest !== observed) observe(now);
        schedule();
      },
      () => undefined,
    );
  };

  return {
    channel,
    unit,
    topic,
    mirror: mirror && mirrorTopic(mirror, channel.name),
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
      publish(chain.push(assessQuality(sample, channel, parts.clockIsSet()), now));
      observe(now);
      schedule();
    },
    isSettable: channel.settable === true || parts.filters.some((one) => 'integrate' in one),
    set(value, setRaw) {
      if (!chain.setSum(value)) setRaw(chain.rawOf(value));
    },
    stop: () => life.abort(),
  };
}

/** The quality of a driver's sample: bad without a finite value, uncertain outside the channel's range. */
export function assessQuality(
  sample: Sample | undefined,
  channel: Channel,
  clockIsSet = true,
): QualifiedSample {
  if (sample === undefined) return bad('the driver gave no value');
  const { value, quality = 'good', reason } = sample;
  if (value === null || quality === 'bad') return bad(reason ?? 'the driver gave no value');
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return bad(`not a finite number: ${value}`);
  }
  if (quality === 'uncertain')
    return { value, quality, reason: reason ?? 'the driver reports the value as uncertain' };
  const [low, high] = channel.range ?? [];
  if (typeof value === 'number' && low !== undefined && high !== undefined) {
    if (value < low || value > high) {
      const unit = channel.unit === '' ? '' : ` ${channel.unit}`;
      return uncertain(value, `outside the sensor's range of ${low} to ${high}${unit}`);
    }
  }
  return clockIsSet ? { value, quality: 'good' } : uncertain(value, CLOCK_NOT_SET);
}

function bad(reason: string): QualifiedSample {
  return { value: null, quality: 'bad', reason };
}

function uncertain(value: QualifiedSample['value'], reason: string): QualifiedSample {
  return { value, quality: 'uncertain', reason };
}
