import type { Quality, Value } from '../../driver-kit/reading.ts';
import type { Minute } from './archive-file.ts';
import { type ArchivePoint, PointBuilder, QUALITIES } from './points.ts';
import { chunkMs, startOf, TIERS } from './tiers.ts';

/** A value at this moment. */
export interface PresentValue {
  readonly topic: string;
  /** How long its history is kept, in milliseconds. */
  readonly keepMs: number;
  readonly value: Value;
  readonly quality: Quality;
}

/** The most values with a long history: each takes some kilobytes of memory. */
const MOST_VALUES = 5000;
/** After a longer pause of the program nothing is known of the seconds between. */
const LONGEST_GAP_S = 5;
const [{ slotMs }] = TIERS as [(typeof TIERS)[0]];
const MINUTE_MS = chunkMs(TIERS[0]!);

interface Recorded {
  keepMs: number;
  readonly builder: PointBuilder;
  seconds: (ArchivePoint | undefined)[];
}

/** The seconds of the present minute of each value that has a long history. */
export class ArchiveRecorder {
  readonly #values = new Map<string, Recorded>();
  /** The last second that has ended, in milliseconds since the epoch. */
  #second: number | undefined;

  /** A sample between two ticks: a short peak is in the lowest or highest value of its second. */
  observe(topic: string, value: Value, quality: Quality): void {
    const recorded = this.#values.get(topic);
    if (recorded && typeof value !== 'string') {
      recorded.builder.add(QUALITIES.indexOf(quality), value === null ? null : Number(value));
    }
  }

  /** A second has ended, at `now`: returns the minute that is over by it. */
  tick(
    now: number,
    present: Iterable<PresentValue>,
  ): readonly [start: number, Minute[]] | undefined {
    const second = startOf(now, slotMs);
    const before = this.#second;
    if (before === second) return undefined;
    this.#second = second;
    const isGap =
      before === undefined || second < before || second - before > LONGEST_GAP_S * slotMs;
    const ended = isGap || startOf(second, MINUTE_MS) !== startOf(before, MINUTE_MS);
    const over = ended && before !== undefined ? this.#take(startOf(before, MINUTE_MS)) : undefined;
    const from = isGap || ended ? second : before + slotMs;
    for (const { topic, keepMs, value, quality } of present) {
      const recorded = this.#recorded(topic, keepMs, value);
      if (!recorded) continue;
      if (recorded.builder.isEmpty) this.observe(topic, value, quality);
      const point = recorded.builder.take();
      // A tick that came late stands for the seconds since the last one.
      for (let at = from; at <= second; at += slotMs) {
        recorded.seconds[(at % MINUTE_MS) / slotMs] = point;
      }
    }
    return over;
  }

  /** The seconds so far of a value, as they are in a file. */
  pending(topic: string): readonly (readonly [time: number, point: ArchivePoint])[] {
    const start = startOf(this.#second ?? 0, MINUTE_MS);
    return [...(this.#values.get(topic)?.seconds.entries() ?? [])].flatMap(([n, point]) =>
      point ? [[start + n * slotMs, point] as const] : [],
    );
  }

  /** The present minute as it is, for the end of the program. */
  end(): readonly [start: number, Minute[]] | undefined {
    return this.#second === undefined ? undefined : this.#take(startOf(this.#second, MINUTE_MS));
  }

  #recorded(topic: string, keepMs: number, value: Value): Recorded | undefined {
    if (typeof value === 'string') return undefined;
    let recorded = this.#values.get(topic);
    if (!recorded) {
      if (this.#values.size >= MOST_VALUES) return undefined;
      recorded = { keepMs, builder: new PointBuilder(), seconds: [] };
      this.#values.set(topic, recorded);
    }
    recorded.keepMs = keepMs;
    return recorded;
  }

  #take(start: number): readonly [start: number, Minute[]] | undefined {
    const minutes: Minute[] = [];
    for (const [topic, recorded] of this.#values) {
      const { keepMs, seconds } = recorded;
      recorded.seconds = [];
      // A value that is no longer configured.
      if (seconds.length === 0) this.#values.delete(topic);
      else minutes.push({ topic, keepMs, seconds: Array.from(seconds) });
    }
    return minutes.length === 0 ? undefined : [start, minutes];
  }
}
