import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { usesColour } from '../base/log.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem, type Problem } from '../config/yaml/problem.ts';
import { valuesIn } from '../config/yaml/without-secrets.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import { EXIT, type Io, type OutputStream } from './io.ts';

/** The option that every verb with a config takes. */
export interface ConfigOption {
  readonly config?: string | undefined;
}

/** The config of the service. */
export const SERVICE_CONFIG = '/etc/cellgate/config.yaml';

/** `--config`, else `$CELLGATE_CONFIG`, else /etc/cellgate/config.yaml. */
export function configFile(options: ConfigOption, env: Io['env']): string {
  return options.config ?? (env.CELLGATE_CONFIG || SERVICE_CONFIG);
}

/** Where `data` is without a word in the config. */
const DATA_FOLDER = '/var/lib/cellgate';

/** The data folder that the config names, whatever else is wrong in it; throws where the file is no YAML or can't be read. */
export async function namedFolder(options: ConfigOption, io: Io): Promise<string> {
  const text = await readFile(path.resolve(io.cwd, configFile(options, io.env)), 'utf8');
  const { data = DATA_FOLDER } = valuesIn(text);
  return path.resolve(io.cwd, String(data));
}

/**
 * The data folder of the config; undefined where the config has mistakes, which are printed. A gateway that runs may have
 * got them since its start, and needs its commands then most: its folder is returned nevertheless.
 */
export async function dataFolder(
  options: ConfigOption,
  io: Io,
  drivers: Drivers,
): Promise<string | undefined> {
  const file = configFile(options, io.env);
  const { config, problems } = await loadConfig(file, drivers, io.cwd);
  if (config) return config.data;
  printProblems(problems, io.stderr, io);
  const folder = await namedFolder(options, io).catch(() => undefined);
  if (folder === undefined) return undefined;
  const running = await askGateway(folder, { ask: 'status' }).catch(() => undefined);
  if (running === undefined) return undefined;
  io.stderr.write(
    `cellgate: ${file} has mistakes; the gateway that runs on ${folder} has an earlier config\n`,
  );
  return folder;
}

/** Writes one line a problem. */
export function printProblems(problems: readonly Problem[], output: OutputStream, io: Io): void {
  const colour = usesColour(output, io.env);
  for (const problem of problems) output.write(`${formatProblem(problem, colour)}\n`);
}

/** Works on the data folder of the config; a failure is one line on standard error. */
export async function withData(
  options: ConfigOption,
  io: Io,
  drivers: Drivers,
  work: (folder: string) => Promise<number>,
): Promise<number> {
  const folder = await dataFolder(options, io, drivers);
  if (folder === undefined) return EXIT.trouble;
  try {
    return await work(folder);
  } catch (error) {
    io.stderr.write(`cellgate: ${(error as Error).message}\n`);
    return EXIT.trouble;
  }
}
