import type { Logger } from 'pino';
import { differences, needsRestart } from '../config/difference.ts';
import type { Config } from '../config/schema/schema.ts';
import { formatProblem, type Problem } from '../config/yaml/problem.ts';

/** A part of the gateway that can go on by another config. */
export interface Reconfigurable {
  readonly name: string;
  /** Brings the part to the config, from whatever it is at; a part for which nothing has changed does nothing. */
  applyConfig(config: Config): Promise<void>;
}

/** What came of it: the changes, one line each, all of them in force or none. */
export interface ReloadReport {
  readonly applied: boolean;
  readonly changes: readonly string[];
  /** Why nothing was changed. */
  readonly reason?: string;
}

export interface ReloadParts {
  readonly config: Config;
  readonly parts: readonly Reconfigurable[];
  readonly log: Logger;
  /** Reads and checks the config file as it now stands. */
  load(): Promise<{
    config?: Config | undefined;
    problems: readonly Problem[];
    warnings: readonly Problem[];
  }>;
}

/** Brings a running gateway to the config file as it stands: wholly, or not at all. */
export function createReload({ config: first, parts, log, load }: ReloadParts) {
  let config = first;
  let last: Promise<unknown> = Promise.resolve();

  /** The parts that have changed go back, last first; whichever can't is told and tried no further. */
  const goBack = async (changed: readonly Reconfigurable[]): Promise<void> => {
    for (const part of [...changed].reverse()) {
      await part.applyConfig(config).catch((error: unknown) => {
        log.error({ error, part: part.name }, 'could not go back to the config from before');
      });
    }
  };

  const refused = (reason: string, changes: readonly string[] = []): ReloadReport => {
    log.error({ reason }, 'reload: nothing was changed');
    return { applied: false, changes, reason };
  };

  const reload = async (): Promise<ReloadReport> => {
    const { config: next, problems, warnings } = await load();
    for (const warning of warnings) log.warn(formatProblem(warning));
    if (!next) return refused(problems.map((one) => formatProblem(one, false)).join('\n'));
    const changes = differences(config, next);
    const obstacle = needsRestart(config, next);
    if (obstacle !== undefined) {
      return refused(`${obstacle}, which needs a restart: systemctl restart cellgate`, changes);
    }
    const changed: Reconfigurable[] = [];
    for (const part of parts) {
      changed.push(part);
      try {
        await part.applyConfig(next);
      } catch (error) {
        await goBack(changed);
        return refused(`${part.name}: ${(error as Error).message}`, changes);
      }
    }
    config = next;
    log.info({ changes }, changes.length === 0 ? 'reload: nothing has changed' : 'reload: done');
    return { applied: true, changes };
  };

  /** One at a time: who asks meanwhile gets one that begins after. */
  return (): Promise<ReloadReport> => {
    const report = last.catch(() => undefined).then(reload);
    last = report;
    return report;
  };
}
