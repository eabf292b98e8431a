import path from 'node:path';
import type { Config } from '../config/schema/schema.ts';
import { byPosition, type Problem } from '../config/yaml/problem.ts';
import { parseSource } from '../config/yaml/source.ts';
import { readAccess } from './access-file.ts';
import { unprovenRuleWarnings } from './unproven-rules.ts';

/** What `check` says about the access file that a config names. */
export interface AccessFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Reads and checks the access file of a config, whose file and text are given. Does not throw. */
export async function accessFindings(
  { broker: { access: name, listeners } }: Pick<Config, 'broker'>,
  file: string,
  text: string,
): Promise<AccessFindings> {
  const access = name && (await readAccess(name));
  if (!access) return { problems: [], warnings: [] };
  if ('problems' in access) {
    return { problems: inConfig(access.problems, file, text), warnings: [] };
  }
  const warnings = unprovenRuleWarnings(access.unproven, listeners);
  return { problems: [], warnings: [...warnings].sort(byPosition) };
}

/** The problems of the access file that the text of a config names, also where the rest of it is wrong. Does not throw. */
export async function accessProblems(
  file: string,
  text: string,
  cwd: string,
): Promise<readonly Problem[]> {
  const source = parseSource(text);
  if ('problems' in source) return [];
  const { broker } = (source.value ?? {}) as { broker?: { access?: unknown } | null };
  if (typeof broker?.access !== 'string') return [];
  const folder = path.dirname(path.resolve(cwd, file));
  const access = await readAccess(path.resolve(folder, broker.access));
  return 'problems' in access ? inConfig(access.problems, file, text) : [];
}

/** The problem of an access file that can't be read at the line of the config that names it. */
function inConfig(problems: readonly Problem[], file: string, text: string): readonly Problem[] {
  const [problem] = problems;
  if (problem?.path !== 'access') return problems;
  const source = parseSource(text);
  if ('problems' in source) return problems;
  const place = source.locate(['broker', 'access'], 'value');
  const isNamed = problem.message.includes(problem.file);
  const message = isNamed ? problem.message : `${problem.file}: ${problem.message}`;
  return [{ file, ...place, path: 'broker.access', message }];
}
