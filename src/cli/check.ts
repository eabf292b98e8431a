import path from 'node:path';
import { readAccess } from '../access/access-file.ts';
import { unprovenRuleWarnings } from '../access/unproven-rules.ts';
import { loadConfig } from '../config/load.ts';
import { byPosition, type Problem } from '../config/yaml/problem.ts';
import { parseSource } from '../config/yaml/source.ts';
import { readText } from '../config/yaml/text-file.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

const NO_SAFETY =
  'Outputs, interlocks and inputs are no safety function: emergency stops and guards need their own circuit.';

export interface CheckOption extends ConfigOption {
  /** Whether the data folder is checked too. */
  readonly data?: boolean | undefined;
}

/**
 * Checks a config without touching hardware; each problem and each warning is one line on standard output.
 * Returns 0 when there is no problem, else 1.
 */
export async function check(options: CheckOption, io: Io, drivers: Drivers): Promise<number> {
  const file = configFile(options, io.env);
  const { config, problems, warnings } = await loadConfig(file, drivers, io.cwd);
  printProblems([...warnings, ...problems].sort(byPosition), io.stdout, io);
  if (!config) return EXIT.trouble;
  const access = config.broker.access && (await readAccess(config.broker.access));
  if (access && 'problems' in access) {
    printProblems(await inConfig(access.problems, file, io.cwd), io.stdout, io);
    return EXIT.trouble;
  }
  const { listeners: places } = config.broker;
  const unproven = access ? unprovenRuleWarnings(access.unproven, places) : [];
  printProblems([...unproven].sort(byPosition), io.stdout, io);
  const sensors = count(config.sensors.length, 'sensor');
  const listeners = count(config.broker.listeners.length, 'listener');
  const outputs = config.outputs.length === 0 ? '' : `, ${count(config.outputs.length, 'output')}`;
  io.stdout.write(`${file}: fine, ${sensors}${outputs}, ${listeners}\n`);
  if (config.outputs.length > 0) io.stdout.write(`${NO_SAFETY}\n`);
  return options.data === true ? checkData(config.data, io) : EXIT.ok;
}

async function checkData(folder: string, io: Io): Promise<number> {
  const { tryData } = await import('../store/admin/trial.ts');
  try {
    io.stdout.write(`${folder}: fine, ${await tryData(folder)}\n`);
    return EXIT.ok;
  } catch (error) {
    io.stdout.write(`${folder}: data: ${(error as Error).message}\n`);
    return EXIT.trouble;
  }
}

/** The problem of an access file that can't be read at the line of the config that names it. */
async function inConfig(
  problems: readonly Problem[],
  file: string,
  cwd: string,
): Promise<readonly Problem[]> {
  const [problem] = problems;
  if (problem?.path !== 'access') return problems;
  const read = await readText(path.resolve(cwd, file));
  const source = 'text' in read ? parseSource(read.text) : undefined;
  if (source === undefined || 'problems' in source) return problems;
  const place = source.locate(['broker', 'access'], 'value');
  const isNamed = problem.message.includes(problem.file);
  const message = isNamed ? problem.message : `${problem.file}: ${problem.message}`;
  return [{ file, ...place, path: 'broker.access', message }];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
