import { describe, expect, test } from 'vitest';
import { runCuts } from './power-cut/cuts.ts';

/** Another seed every day, the same all day. */
const SEED = Number(process.env.POWER_CUT_SEED ?? Math.floor(Date.now() / 86_400_000));

describe('a power cut under load', () => {
  test('loses nothing that was acknowledged, and the gateway is up again by itself', {
    timeout: 600_000,
  }, async () => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const results = await runCuts({ cuts: 2, seed: SEED, withinMs: 45_000, print });
    console.log(lines.join('\n'));
    expect(results.reduce((sum, { acknowledged }) => sum + acknowledged, 0)).toBeGreaterThan(0);
    expect(
      results.every(({ clean }) => clean),
      lines.join('\n'),
    ).toBe(true);
  });

  test('of a gateway whose fsync does nothing is seen to lose', { timeout: 600_000 }, async () => {
    const lines: string[] = [];
    const print = (line: string): void => void lines.push(line);
    const results = await runCuts({ cuts: 4, seed: SEED, unsynced: true, print });
    expect(results.at(-1)?.lost, lines.join('\n')).toBeGreaterThan(0);
  });
});
