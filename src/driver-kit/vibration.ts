import type { Channel, Samples, Tools } from './sensor.ts';

/** The result of a window of acceleration without gravity: effective and largest deviation, frequency in Hz. */
export interface Vibration {
  readonly rms: number;
  readonly peak: number;
  /** The strongest frequency; undefined when none stands out from the rest. */
  readonly frequency: number | undefined;
}

/** One sample: x, y, z. */
export type Acceleration = readonly [x: number, y: number, z: number];

/** How much stronger than the mean of all frequencies one must be to stand out. */
const STANDS_OUT = 6;

/**
 * RMS, peak and strongest frequency of the three axes together, in the samples' unit. Each axis' mean, which is gravity, is
 * subtracted. The spectrum is windowed (Hann) and its highest place interpolated between two bins.
 */
export function toVibration(samples: readonly Acceleration[], rateHz: number): Vibration {
  const count = samples.length;
  const axes = ([0, 1, 2] as const).map((axis) => {
    const values = samples.map((sample) => sample[axis]);
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    return values.map((value) => value - mean);
  });
  const squares = samples.map((_, index) =>
    axes.reduce((sum, axis) => sum + (axis[index] ?? 0) ** 2, 0),
  );
  const rms = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / count);
  const peak = Math.sqrt(Math.max(...squares));
  return { rms, peak, frequency: strongest(powers(axes), rateHz / count) };
}

/** Channels of a reading by `readVibration`: RMS and peak in g, frequency in Hz. */
export const VIBRATION_CHANNELS: readonly Channel[] = [
  { name: 'rms', unit: 'g' },
  { name: 'peak', unit: 'g' },
  { name: 'frequency', unit: 'Hz' },
];

/** An accelerometer that keeps its latest 32 samples in a FIFO. */
export interface AccelerationFifo {
  /** Empties the FIFO, which then fills. */
  restart(): Promise<void>;
  /** The number of samples in it; rejects if some were lost. */
  count(): Promise<number>;
  /** Rejects if the accelerometer is no longer as it was set up. */
  check?(): Promise<void>;
  /** Removes and returns the oldest sample, in g. */
  take(): Promise<Acceleration>;
}

export interface VibrationOptions {
  /** Samples of one reading; a multiple of 4. */
  readonly window: number;
  /** Samples per second. */
  readonly rate: number;
  /** Full scale in g. */
  readonly range: number;
}

/** The number of samples at which the FIFO is read: half of it. */
const READ_EVERY = 16;
/** Part of the full scale from which a value counts as clipped. */
const CLIPPED = 0.99;

/** The sampling rate of an accelerometer may be this much lower than its datasheet says. */
const SLOWER = 1.1;

/** Milliseconds that one window takes, for `readMs`. */
export function vibrationMs({ window, rate }: { window: number; rate: number }): number {
  return Math.ceil((1000 * window * SLOWER) / rate) + Math.ceil((1000 * READ_EVERY) / rate);
}

/** One window of samples as RMS, peak and frequency; `uncertain` when a sample is at full scale. */
export async function readVibration(
  fifo: AccelerationFifo,
  { window, rate, range }: VibrationOptions,
  tools: Tools,
  signal: AbortSignal,
): Promise<Samples> {
  const waitMs = Math.floor((1000 * READ_EVERY) / rate);
  const samples: Acceleration[] = [];
  await fifo.restart();
  while (samples.length < window) {
    await tools.sleep(waitMs, signal);
    const count = Math.min(await fifo.count(), window - samples.length);
    if (count === 0) await fifo.check?.();
    for (let index = 0; index < count; index += 1) {
      signal.throwIfAborted();
      samples.push(await fifo.take());
    }
  }
  await fifo.check?.();
  const clipped = samples.flat().some((value) => Math.abs(value) >= CLIPPED * range);
  const { rms, peak, frequency } = toVibration(samples, rate);
  const quality = clipped
    ? ({ quality: 'uncertain', reason: `an axis is at full scale, ±${range} g` } as const)
    : {};
  return {
    rms: { value: rms, ...quality },
    peak: { value: peak, ...quality },
    frequency:
      frequency === undefined
        ? { value: 0, quality: 'uncertain', reason: 'no frequency stands out' }
        : { value: frequency, ...quality },
  };
}

/** Power at each multiple of the lowest frequency, from 1 to half the count; index 0 is that of the mean, left at 0. */
function powers(axes: readonly (readonly number[])[]): number[] {
  const count = axes[0]?.length ?? 0;
  const cosines = Array.from({ length: count }, (_, n) => Math.cos((2 * Math.PI * n) / count));
  const windowed = axes.map((axis) => axis.map((value, n) => value * (0.5 - 0.5 * cosines[n]!)));
  const result = [0];
  for (let bin = 1; bin <= count / 2; bin += 1) {
    let power = 0;
    for (const axis of windowed) {
      let real = 0;
      let imaginary = 0;
      for (const [n, value] of axis.entries()) {
        const phase = (bin * n) % count;
        real += value * cosines[phase]!;
        // A sine is a cosine a quarter of a cycle later; counts are multiples of 4.
        imaginary -= value * cosines[(phase + (3 * count) / 4) % count]!;
      }
      power += real ** 2 + imaginary ** 2;
    }
    result.push(power);
  }
  return result;
}

function strongest(spectrum: readonly number[], stepHz: number): number | undefined {
  const highest = Math.max(...spectrum);
  const bin = spectrum.indexOf(highest);
  const mean = spectrum.reduce((sum, power) => sum + power, 0) / (spectrum.length - 1);
  if (bin === 0 || highest < STANDS_OUT * mean) return undefined;
  // With a Hann window the logarithms of three bins are close to a parabola.
  const [left, middle, right] = [bin - 1, bin, bin + 1].map((at) =>
    Math.log(Math.max(spectrum[at] ?? 0, highest * 1e-9)),
  ) as [number, number, number];
  const bend = left - 2 * middle + right;
  const shift = bend === 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (left - right)) / bend));
  return (bin + shift) * stepHz;
}
