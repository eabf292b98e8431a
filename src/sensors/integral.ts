import type { KeyValueStore } from '../base/state.ts';
import { combined, type QualifiedSample, type Transform } from './qualified-sample.ts';

/** What a sum of value times time is made of. */
export interface IntegralForm {
  /** The time unit, in milliseconds. */
  readonly perMs: number;
  /** The unit of the values that come in. */
  readonly input: string;
  /** The unit that the sum is published with. */
  readonly unit: string;
  /** By how much filters multiply the values before they come in. */
  readonly scale: number;
}

export interface IntegralState {
  readonly store: KeyValueStore;
  readonly key: string;
  /** Keys of earlier versions, which had the bare sum. */
  readonly formerKeys?: readonly string[];
  /** Gets a sentence if a stored sum was converted or does not fit. */
  note?(text: string): void;
}

/** A transform whose sum can be set. */
export interface Integral {
  readonly transform: Transform;
  set(sum: number): void;
}

/** Value times time in `perMs`, by trapezoids between samples that are not bad; kept over restarts. */
export function createIntegral(form: IntegralForm, state: IntegralState): Integral {
  const { perMs } = form;
  if (!(perMs > 0)) throw new RangeError(`integrate: ${perMs} is no time`);
  let sum = restoredSum(form, state);
  let before: { readonly sample: QualifiedSample; readonly value: number; now: number } | undefined;
  const set = (next: number): void => {
    sum = next;
    state.store.set(state.key, { sum, ...form });
  };
  const transform: Transform = (sample, now) => {
    const { value } = sample;
    if (typeof value !== 'number') {
      if (sample.quality === 'bad') before = undefined;
      return sample;
    }
    const from = before;
    before = { sample, value, now };
    if (from === undefined) return { ...sample, value: sum };
    set(sum + (((from.value + value) / 2) * (now - from.now)) / perMs);
    return combined(sum, [from.sample, sample]);
  };
  return { transform, set };
}

type Stored = { readonly sum: number } & Partial<IntegralForm>;

/** The sum of the run before, in the present time unit and scale; 0 if it has another unit. */
function restoredSum(
  form: IntegralForm,
  { store, key, formerKeys = [], note }: IntegralState,
): number {
  const stored = [key, ...formerKeys].map((one) => storedSum(store.get(one))).find(Boolean);
  if (stored === undefined) return 0;
  const { sum } = stored;
  const before: IntegralForm = { ...form, ...stored };
  if (before.input !== form.input) {
    note?.(
      `integrate begins at 0: its values are in "${form.input}", those before in "${before.input}"`,
    );
    return 0;
  }
  const factor =
    (before.perMs / form.perMs) * (before.unit === form.unit ? 1 : form.scale / before.scale);
  const next = sum * factor;
  if (!Number.isFinite(next)) return 0;
  if (factor !== 1 || before.unit !== form.unit) {
    note?.(`integrate continues: ${sum} "${before.unit}" of before is ${next} "${form.unit}"`);
  }
  return next;
}

function storedSum(value: unknown): Stored | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? { sum: value } : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const { sum, perMs, input, unit, scale } = value as Readonly<Record<string, unknown>>;
  if (typeof sum !== 'number' || !Number.isFinite(sum)) return undefined;
  return {
    sum,
    ...(typeof perMs === 'number' && perMs > 0 ? { perMs } : {}),
    ...(typeof input === 'string' ? { input } : {}),
    ...(typeof unit === 'string' ? { unit } : {}),
    ...(typeof scale === 'number' && scale !== 0 ? { scale } : {}),
  };
}
