import { parseArgs } from 'node:util';
import { runKill5 } from '../kill-5/run.ts';
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
  const [runs, seed] = [Number(values.runs), Number(values.seed ?? Date.now() % 1_000_000)];
  const print = (line: string): void => console.log(line);
  const only5 = values.scenario?.join() === MQTT_5;
  const hasAll = values.scenario === undefined && values.subscriber === undefined;
  let faults = 0;
  if (!control && (only5 || hasAll)) {
    faults = (await runKill5({ runs, seed, print })).flatMap((each) => each.faults).length;
    if (only5) return faults > 0 ? 1 : 0;
  }
  const results = await runMatrix({
    scenarios: chosen(values.scenario, SCENARIOS),
    presences: chosen(values.subscriber, PRESENCES),
    runs,
    seed,
    syncMs: Number(values['sync-ms']),
    broker: control ? 'mosquitto' : 'cellgate',
    print,
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
  return clean && faults === 0 ? 0 : 1;
}

/** The scenario of expiries and delays, which has clients of its own. */
const MQTT_5 = 'mqtt5';

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
