import { parseArgs } from 'node:util';
import { isClean } from './ledger.ts';
import { runMatrix, table } from './matrix.ts';
import { SCENARIOS, type Scenario } from './run.ts';
import { PRESENCES, type Presence } from './subscriber.ts';

/** The kill matrix from the command line; gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '20' },
      scenario: { type: 'string', multiple: true },
      subscriber: { type: 'string', multiple: true },
      seed: { type: 'string' },
      'sync-ms': { type: 'string', default: '0' },
      'no-gate': { type: 'boolean', default: false },
    },
  });
  const control = values['no-gate'];
  const results = await runMatrix({
    scenarios: chosen(values.scenario, SCENARIOS),
    presences: chosen(values.subscriber, PRESENCES),
    runs: Number(values.runs),
    seed: Number(values.seed ?? Date.now() % 1_000_000),
    syncMs: Number(values['sync-ms']),
    broker: control ? 'mosquitto' : 'cellgate',
    print: (line) => console.log(line),
  });
  console.log(`\n${table(results)}`);
  const verdicts = results.flatMap(({ outcomes }) => outcomes.map(({ verdict }) => verdict));
  const clean = verdicts.every(isClean);
  if (control) {
    console.log(
      clean ? 'the control lost nothing: this test is blind' : 'the control lost, as it must',
    );
    return clean ? 1 : 0;
  }
  return clean ? 0 : 1;
}

function chosen<Name extends Scenario | Presence>(
  wanted: readonly string[] | undefined,
  known: readonly Name[],
): readonly Name[] {
  for (const name of wanted ?? []) {
    if (!known.some((one) => one === name)) {
      throw new Error(`'${name}' is none of ${known.join(', ')}`);
    }
  }
  return wanted ? known.filter((name) => wanted.includes(name)) : known;
}
