import { usesColour } from '../base/log.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblem, type Problem } from '../config/yaml/problem.ts';
import type { Drivers } from '../driver-kit/driver.ts';
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
  const { config, problems } = await loadConfig(configFile(options, io.env), drivers, io.cwd);
  if (!config) {
    printProblems(problems, io.stderr, io);
    return EXIT.trouble;
  }
  try {
    return await work(config.data);
  } catch (error) {
    io.stderr.write(`cellgate: ${(error as Error).message}\n`);
    return EXIT.trouble;
  }
}
