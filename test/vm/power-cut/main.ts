import { parseArgs } from 'node:util';
import { runCuts } from './cuts.ts';

/** Power cuts from the command line; gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cuts: { type: 'string', default: '25' },
      seed: { type: 'string' },
      'no-sync': { type: 'boolean', default: false },
    },
  });
  const [cuts, seed] = [Number(values.cuts), Number(values.seed ?? Date.now() % 1_000_000)];
  if (!(cuts >= 1) || !Number.isInteger(seed)) throw new Error('--cuts and --seed are numbers');
  const control = values['no-sync'];
  const print = (line: string): void => console.log(line);
  const results = await runCuts({ cuts, seed, unsynced: control, print });
  const faults = results.filter(({ clean }) => !clean).length;
  const acknowledged = results.flatMap(({ outcomes }) =>
    outcomes.map(({ verdict }) => verdict.acknowledged),
  );
  console.log(
    `${results.length} power cuts, ${acknowledged.reduce((a, b) => a + b, 0)} acknowledged, ${faults} cuts with faults`,
  );
  if (control) {
    console.log(
      faults > 0 ? 'the control lost, as it must' : 'the control lost nothing: this test is blind',
    );
    return faults > 0 ? 0 : 1;
  }
  return faults > 0 ? 1 : 0;
}
