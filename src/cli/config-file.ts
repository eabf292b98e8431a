import { formatProblem, type Problem } from '../config/problem.ts';
import { usesColour } from '../log.ts';
import type { Io, Output } from './io.ts';

/** The option that every verb with a config takes. */
export interface ConfigOption {
  readonly config?: string | undefined;
}

const USUAL = '/etc/cellgate/config.yaml';

/** `--config`, else `$CELLGATE_CONFIG`, else /etc/cellgate/config.yaml. */
export function configFile(options: ConfigOption, env: Io['env']): string {
  return options.config ?? (env.CELLGATE_CONFIG || USUAL);
}

/** Writes one line a problem. */
export function printProblems(problems: readonly Problem[], output: Output, io: Io): void {
  const colour = usesColour(output, io.env);
  for (const problem of problems) output.write(`${formatProblem(problem, colour)}\n`);
}
