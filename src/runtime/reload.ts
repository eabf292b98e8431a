import type { Logger } from 'pino';
import { type AuditRecord, GATEWAY, LOCAL_ADMINISTRATOR, sha256 } from '../audit/audit-line.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Reconfigurable } from '../base/lifecycle.ts';
import { setLevel } from '../base/log.ts';
import { createMutex } from '../base/mutex.ts';
import type { ChangedLines } from '../config/changed-lines.ts';
import { differences, needsRestart } from '../config/difference.ts';
import type { LoadRequest } from '../config/load-changes.ts';
import type { Config } from '../config/schema/schema.ts';
import { formatProblem, type Problem } from '../config/yaml/problem.ts';

/** The result of a reload: the changes, one line each; either all of them are applied or none. */
export interface ReloadReport {
  readonly applied: boolean;
  readonly changes: readonly string[];
  /** Why nothing was changed. */
  readonly reason?: string;
  /** Of the config, if they are the reason. */
  readonly problems?: readonly Problem[];
  /** Whether parts had the config and have the former one again. */
  readonly isTakenBack?: boolean;
}

/** A config, or the problems of its file; in both cases with warnings. */
export interface Loaded {
  readonly config?: Config | undefined;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** The text that was loaded. */
  readonly text?: string | undefined;
  /** What differs in it from the text that it was compared with. */
  readonly changed?: ChangedLines | undefined;
}

/** Who changes the config. */
export interface Author {
  readonly by: string;
  readonly address?: string | undefined;
}

/** A text that is tried in place of that of the file. */
export interface Trial {
  readonly author: Author;
  readonly text: string;
  /** Called for a right text before anything is changed; rejects with the reason if nothing may be. */
  prepare(): Promise<void>;
  /** Called when all parts have the config: resolves with the reason to take it back, undefined when the file has it. */
  decide(changes: readonly string[]): Promise<string | undefined>;
}

export interface ReloadParts {
  readonly config: Config;
  /** The text of this config; without it the audit log has no changes of the config. */
  readonly text?: string;
  /** The parts that a reload changes, in order; the log is changed too. */
  readonly services: { readonly reconfigurable: readonly Reconfigurable<Config>[] };
  readonly log: Logger;
  readonly audit?: Pick<AuditLog, 'append' | 'note'>;
  /** Reads and checks the present config file, or another text in its place. */
  load(request?: LoadRequest): Promise<Loaded>;
}

const LOCAL: Author = { by: LOCAL_ADMINISTRATOR };

/** Applies the present config file to a running gateway: completely, or not at all. */
export class Reload {
  readonly #parts: ReloadParts;
  readonly #inOrder = createMutex();
  #config: Config;
  #text: string | undefined;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#text = parts.text;
  }

  /** One reload at a time: a call during a reload starts another one after it. */
  run(author: Author = LOCAL): Promise<ReloadReport> {
    return this.#inOrder(() => this.#reload(author));
  }

  /** Applies a text and keeps it if the trial decides so. Reloads that are asked for meanwhile begin after it. */
  try(trial: Trial): Promise<ReloadReport> {
    return this.#inOrder(() => this.#reload(trial.author, trial));
  }

  /** What a text would change, and why it could not be applied without a restart. */
  compare(next: Config): { readonly changes: readonly string[]; readonly obstacle?: string } {
    const obstacle = needsRestart(this.#config, next);
    const changes = differences(this.#config, next);
    return { changes, ...(obstacle === undefined ? {} : { obstacle: needed(obstacle) }) };
  }

  async #reload(author: Author, trial?: Trial): Promise<ReloadReport> {
    const { log, load, services } = this.#parts;
    const loaded = await load({ before: this.#text, text: trial?.text });
    const { config: next, problems, warnings } = loaded;
    for (const warning of warnings) log.warn(formatProblem(warning));
    if (!next) {
      const reason = problems.map((one) => formatProblem(one, false)).join('\n');
      return { ...this.#refuse(reason), problems };
    }
    const changes = differences(this.#config, next);
    const obstacle = needsRestart(this.#config, next);
    if (obstacle !== undefined) return this.#refuse(needed(obstacle), changes);
    try {
      await trial?.prepare();
    } catch (error) {
      return this.#refuse((error as Error).message, changes);
    }
    const failure = await this.#apply(next);
    if (failure !== undefined) {
      await this.#note(loaded, { ...author, what: 'config-taken-back', reason: failure });
      return { ...this.#refuse(failure, changes), isTakenBack: true };
    }
    const reason = trial && (await this.#decide(trial, loaded, changes));
    if (reason !== undefined) {
      await this.#goBack(this.#all);
      await this.#note(loaded, { by: GATEWAY, what: 'config-taken-back', reason });
      return { ...this.#refuse(reason, changes), isTakenBack: true };
    }
    for (const part of services.reconfigurable) part.configApplied?.();
    await this.#note(loaded, { ...author, what: trial ? 'config-kept' : 'config-applied' });
    this.#config = next;
    this.#text = loaded.text;
    log.info({ changes }, changes.length === 0 ? 'reload: nothing has changed' : 'reload: done');
    return { applied: true, changes };
  }

  /** Adds a change of the config to the audit log, if its text is another one. */
  async #note({ text, changed }: Loaded, record: AuditRecord): Promise<void> {
    if (text === undefined || this.#text === undefined || text === this.#text) return;
    const inForce = record.what === 'config-taken-back' ? this.#text : text;
    await this.#parts.audit?.note({ ...record, ...changed }, sha256(inForce));
  }

  /** Without a line in the audit log nothing is kept. */
  async #decide(
    { author, decide }: Trial,
    { changed }: Loaded,
    changes: readonly string[],
  ): Promise<string | undefined> {
    try {
      await this.#parts.audit?.append({ ...author, what: 'config-applied', ...changed });
    } catch (error) {
      return (error as Error).message;
    }
    return decide(changes);
  }

  get #all(): readonly Reconfigurable<Config>[] {
    const { log, services } = this.#parts;
    const level = async (config: Config): Promise<void> => setLevel(log, config.log.level);
    return [{ name: 'log', applyConfig: level }, ...services.reconfigurable];
  }

  /** Returns the reason if a part can't apply the config; then all parts have the former one again. */
  async #apply(next: Config): Promise<string | undefined> {
    const changed: Reconfigurable<Config>[] = [];
    for (const part of this.#all) {
      changed.push(part);
      try {
        await part.applyConfig(next);
      } catch (error) {
        await this.#goBack(changed);
        return `${part.name}: ${(error as Error).message}`;
      }
    }
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

function needed(obstacle: string): string {
  return `${obstacle}, which needs a restart: systemctl restart cellgate`;
}
