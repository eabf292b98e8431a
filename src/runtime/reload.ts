import type { Logger } from 'pino';
import type { Reconfigurable } from '../base/lifecycle.ts';
import { setLevel } from '../base/log.ts';
import { createMutex } from '../base/mutex.ts';
import { differences, needsRestart } from '../config/difference.ts';
import type { Config } from '../config/schema/schema.ts';
import { formatProblem, type Problem } from '../config/yaml/problem.ts';

/** The result of a reload: the changes, one line each; either all of them are applied or none. */
export interface ReloadReport {
  readonly applied: boolean;
  readonly changes: readonly string[];
  /** Why nothing was changed. */
  readonly reason?: string;
}

/** A config, or the problems of its file; in both cases with warnings. */
export interface Loaded {
  readonly config?: Config | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface ReloadParts {
  readonly config: Config;
  /** The parts that a reload changes, in order; the log is changed too. */
  readonly services: { readonly reconfigurable: readonly Reconfigurable<Config>[] };
  readonly log: Logger;
  /** Reads and checks the present config file. */
  load(): Promise<Loaded>;
}

/** Applies the present config file to a running gateway: completely, or not at all. */
export class Reload {
  readonly #parts: ReloadParts;
  readonly #inOrder = createMutex();
  #config: Config;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  /** One reload at a time: a call during a reload starts another one after it. */
  run(): Promise<ReloadReport> {
    return this.#inOrder(() => this.#reload());
  }

  async #reload(): Promise<ReloadReport> {
    const { log, load } = this.#parts;
    const { config: next, problems, warnings } = await load();
    for (const warning of warnings) log.warn(formatProblem(warning));
    if (!next) return this.#refuse(problems.map((one) => formatProblem(one, false)).join('\n'));
    const changes = differences(this.#config, next);
    const obstacle = needsRestart(this.#config, next);
    if (obstacle !== undefined) {
      return this.#refuse(
        `${obstacle}, which needs a restart: systemctl restart cellgate`,
        changes,
      );
    }
    const failure = await this.#apply(next);
    if (failure !== undefined) return this.#refuse(failure, changes);
    this.#config = next;
    log.info({ changes }, changes.length === 0 ? 'reload: nothing has changed' : 'reload: done');
    return { applied: true, changes };
  }

  /** Returns the reason if a part can't apply the config; then all parts have the former one again. */
  async #apply(next: Config): Promise<string | undefined> {
    const changed: Reconfigurable<Config>[] = [];
    const { log, services } = this.#parts;
    const level = async (config: Config): Promise<void> => setLevel(log, config.log.level);
    for (const part of [{ name: 'log', applyConfig: level }, ...services.reconfigurable]) {
      changed.push(part);
      try {
        await part.applyConfig(next);
      } catch (error) {
        await this.#goBack(changed);
        return `${part.name}: ${(error as Error).message}`;
      }
    }
    for (const part of services.reconfigurable) part.configApplied?.();
    return undefined;
  }

  /** Restores the former config in the changed parts, last first; a failure is logged. */
  async #goBack(changed: readonly Reconfigurable<Config>[]): Promise<void> {
    for (const part of changed.toReversed()) {
      await part.applyConfig(this.#config).catch((error: unknown) => {
        const message = 'could not go back to the config from before';
        this.#parts.log.error({ err: error, part: part.name }, message);
      });
    }
  }

  #refuse(reason: string, changes: readonly string[] = []): ReloadReport {
    this.#parts.log.error({ reason }, 'reload: nothing was changed');
    return { applied: false, changes, reason };
  }
}
