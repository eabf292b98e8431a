import { loadConfig } from '../config/load.ts';
import type { Drivers } from '../driver.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Checks a config without touching hardware: 0 when it is fine, 1 with one line a problem on standard output. */
export async function check(options: ConfigOption, io: Io, drivers: Drivers): Promise<number> {
  const file = configFile(options, io.env);
  const { config, problems } = await loadConfig(file, drivers, io.cwd);
  if (!config) {
    printProblems(problems, io.stdout, io);
    return EXIT.trouble;
  }
  const sensors = count(config.sensors.length, 'sensor');
  const listeners = count(config.broker.listeners.length, 'listener');
  io.stdout.write(`${file}: fine, ${sensors}, ${listeners}\n`);
  return EXIT.ok;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
