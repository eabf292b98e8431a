import type { Transfer } from '../../src/buses/playback.ts';

/** The transfers of a FIFO of acceleration samples. */
export interface FifoParts {
  /** Empties and restarts it. */
  readonly restart: readonly Transfer[];
  readonly statusRegister: string;
  readonly dataRegister: string;
  /** Status byte while so many samples are there. */
  status(count: number): number;
  /** Six bytes of a sample in g. */
  bytes(sample: readonly [number, number, number]): string;
}

/** The transfers of one reading: a shaft turning at `hertz` in x and y, gravity in z; 16 samples at each count. */
export function vibrationTransfers(
  parts: FifoParts,
  wave: { count: number; rateHz: number; hertz: number; height: number },
): Transfer[] {
  const { count, rateHz, hertz, height } = wave;
  const transfers: Transfer[] = [...parts.restart];
  for (let n = 0; n < count; n += 1) {
    if (n % 16 === 0) {
      const status = parts.status(16).toString(16).padStart(2, '0');
      transfers.push({ write: parts.statusRegister, read: status });
    }
    const angle = (2 * Math.PI * hertz * n) / rateHz;
    const sample = [height * Math.cos(angle), height * Math.sin(angle), 1] as const;
    transfers.push({ write: parts.dataRegister, read: parts.bytes(sample) });
  }
  return transfers;
}

/** Steps of a sample, low byte first, in hex. */
export function littleEndian(steps: readonly number[]): string {
  const bytes = Buffer.alloc(2 * steps.length);
  for (const [index, step] of steps.entries()) bytes.writeInt16LE(step, 2 * index);
  return bytes.toString('hex');
}
