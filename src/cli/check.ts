import { accessFindings, accessProblems } from '../access/config-findings.ts';
import { loadWithChanges } from '../config/load-changes.ts';
import { byPosition } from '../config/yaml/problem.ts';
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
  const loaded = await loadWithChanges(file, drivers, io.cwd);
  const { config, problems, warnings, text = '' } = loaded;
  printProblems([...warnings, ...problems].sort(byPosition), io.stdout, io);
  if (!config) {
    printProblems(await accessProblems(file, text, io.cwd), io.stdout, io);
    return EXIT.trouble;
  }
  const access = await accessFindings(config, file, text);
  printProblems([...access.problems, ...access.warnings], io.stdout, io);
  if (access.problems.length > 0) return EXIT.trouble;
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

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
