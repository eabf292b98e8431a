import { parseArgs } from 'node:util';
import { runCuts } from './cuts.ts';

/** Power cuts from the command line; gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // The machine and its files go with the process only when that ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
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
  const total = (name: 'acknowledged' | 'lost'): number =>
    results.reduce((sum, result) => sum + result[name], 0);
  const faults = results.filter(({ clean }) => !clean).length;
  console.log(
    `${results.length} power cuts, ${total('acknowledged')} messages acknowledged, ${total('lost')} lost, ${faults} cuts with faults`,
  );
  if (!control) return faults > 0 ? 1 : 0;
  const caught = total('lost') > 0;
  console.log(
    caught ? 'the control lost, as it must' : 'the control lost nothing: this test is blind',
  );
  return caught ? 0 : 1;
}
