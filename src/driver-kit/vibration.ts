/** What a window of acceleration says, gravity taken out: effective and largest deviation, frequency in Hz. */
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
 * taken out. The spectrum is windowed (Hann) and its highest place interpolated between two lines.
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

/** Power at each multiple of the lowest frequency, from 1 to half the count; index 0 is that of the mean, left at 0. */
function powers(axes: readonly (readonly number[])[]): number[] {
  const count = axes[0]?.length ?? 0;
  const cosines = Array.from({ length: count }, (_, n) => Math.cos((2 * Math.PI * n) / count));
  const windowed = axes.map((axis) => axis.map((value, n) => value * (0.5 - 0.5 * cosines[n]!)));
  const result = [0];
  for (let line = 1; line <= count / 2; line += 1) {
    let power = 0;
    for (const axis of windowed) {
      let real = 0;
      let imaginary = 0;
      for (const [n, value] of axis.entries()) {
        const turn = (line * n) % count;
        real += value * cosines[turn]!;
        // A quarter of a turn makes a sine of a cosine; counts are multiples of 4.
        imaginary -= value * cosines[(turn + (3 * count) / 4) % count]!;
      }
      power += real ** 2 + imaginary ** 2;
    }
    result.push(power);
  }
  return result;
}

function strongest(spectrum: readonly number[], stepHz: number): number | undefined {
  const highest = Math.max(...spectrum);
  const line = spectrum.indexOf(highest);
  const mean = spectrum.reduce((sum, power) => sum + power, 0) / (spectrum.length - 1);
  if (line === 0 || highest < STANDS_OUT * mean) return undefined;
  // With a Hann window the logarithms of three lines are close to a parabola.
  const [left, middle, right] = [line - 1, line, line + 1].map((at) =>
    Math.log(Math.max(spectrum[at] ?? 0, highest * 1e-9)),
  ) as [number, number, number];
  const bend = left - 2 * middle + right;
  const shift = bend === 0 ? 0 : Math.max(-0.5, Math.min(0.5, (0.5 * (left - right)) / bend));
  return (line + shift) * stepHz;
}
