import { randomUUID } from 'node:crypto';
import { accessFindings } from '../access/config-findings.ts';
import { sha256 } from '../audit/audit-line.ts';
import { createMutex } from '../base/mutex.ts';
import { prepareReplacement, type ReplacedFile } from '../base/replaced-file.ts';
import { byPosition, type Problem } from '../config/yaml/problem.ts';
import { readTextFile } from '../config/yaml/text-file.ts';
import type { ConfigSource } from './gateway.ts';
import type { Author, Reload, ReloadReport } from './reload.ts';

export interface ConfigEditorParts {
  readonly source: Pick<ConfigSource, 'file' | 'load'>;
  readonly reload: Pick<Reload, 'try' | 'compare'>;
  /** How long a config is tried, unless it is kept. */
  readonly trialMs?: number;
}

/** The text of the config file with lines that end with `\n`, and the SHA-256 of the file. */
export interface ConfigText {
  readonly file: string;
  readonly text: string;
  readonly hash: string;
}

/** What `check` says about a text, and what it would change in the running gateway. */
export interface TextFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly changes: readonly string[];
  /** Why it can't be applied without a restart. */
  readonly obstacle?: string;
}

/** Why nothing was changed: the file is another one, another change is tried, the text is wrong, or a part or the disk refused it. */
export interface Refusal {
  readonly refused: 'changed' | 'busy' | 'unwritable' | 'invalid' | 'failed';
  readonly reason: string;
  readonly problems?: readonly Problem[];
  readonly isTakenBack?: boolean;
}

/** A config that all parts have: it is taken back unless it is kept within this time. */
export interface TriedConfig {
  readonly trial: string;
  readonly trialMs: number;
  readonly changes: readonly string[];
}

interface OpenTrial {
  readonly id: string;
  readonly by: string;
  readonly decide: (reason: string | undefined) => void;
}

interface Outcome extends ReloadReport {
  readonly refused?: Refusal['refused'] | undefined;
}

const TRIAL_MS = 20_000;
/** Checks that wait for each other: each takes a thread and up to a second. */
const MOST_CHECKS = 4;
const CHANGED = 'the config file was changed meanwhile: read it again, nothing was changed';
const LATE = 'it was not confirmed within its time, so the page may have lost the gateway by it';

/** Reads, checks and replaces the config file for a user of the page. */
export class ConfigEditor {
  readonly #parts: ConfigEditorParts;
  readonly #checksInOrder = createMutex();
  #checks = 0;
  #isBusy = false;
  #trial: OpenTrial | undefined;
  /** Of the last apply; resolves when another one may begin. */
  #done: Promise<Outcome> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ConfigEditorParts) {
    this.#parts = parts;
  }

  /** Rejects with a sentence if the file can't be read. */
  async read(): Promise<ConfigText> {
    const { file } = this.#parts.source;
    const { text, bytes } = await fileOf(file);
    return { file, text: text.replaceAll('\r\n', '\n'), hash: sha256(bytes) };
  }

  /** Undefined if too many checks wait already. */
  async check(text: string): Promise<TextFindings | undefined> {
    if (this.#checks >= MOST_CHECKS) return undefined;
    this.#checks++;
    try {
      return await this.#checksInOrder(() => this.#check(text));
    } finally {
      this.#checks--;
    }
  }

  /**
   * Applies a text to the running gateway, if the file still has this hash. It is tried: `keep` writes the file, otherwise
   * all parts get the former config again.
   */
  async apply(text: string, base: string, author: Author): Promise<TriedConfig | Refusal> {
    if (this.#isBusy) return { refused: 'busy', reason: this.#busyText() };
    this.#isBusy = true;
    let started!: (tried: TriedConfig) => void;
    const tried = new Promise<TriedConfig>((resolve) => {
      started = resolve;
    });
    const done = this.#try(text, base, author, started).finally(() => {
      this.#isBusy = false;
      this.#trial = undefined;
    });
    this.#done = done;
    return Promise.race([tried, done.then(refusalOf)]);
  }

  /** Keeps the tried config: resolves when the file has it, or with why it was taken back. */
  keep(trial: string): Promise<Refusal | undefined> {
    return this.#end(trial, undefined);
  }

  /** Takes the tried config back. */
  takeBack(trial: string, reason: string): Promise<Refusal | undefined> {
    return this.#end(trial, reason);
  }

  /** The file has the config from before the trial, so the next start has it. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  async #check(text: string): Promise<TextFindings> {
    const { source, reload } = this.#parts;
    const { config, problems, warnings } = await source.load({ text });
    if (!config) return { problems, warnings, changes: [] };
    const access = await accessFindings(config, source.file, text);
    return {
      problems: access.problems,
      warnings: [...warnings, ...access.warnings].sort(byPosition),
      ...reload.compare(config),
    };
  }

  async #try(
    text: string,
    base: string,
    author: Author,
    started: (tried: TriedConfig) => void,
  ): Promise<Outcome> {
    const { source, reload, trialMs = TRIAL_MS } = this.#parts;
    let refused: Refusal['refused'] | undefined;
    let replacement: ReplacedFile | undefined;
    const former = await fileOf(source.file).catch(() => undefined);
    const formed = inForm(text, former?.text ?? '', former?.hasMark ?? false);
    const isSame = async (): Promise<boolean> => sha256((await fileOf(source.file)).bytes) === base;
    const refuse = (what: Refusal['refused'], reason: string): never => {
      refused = what;
      throw new Error(reason);
    };
    // Before the text is checked: the user reads the file again in any case.
    if (former && sha256(former.bytes) !== base) {
      return { applied: false, changes: [], reason: CHANGED, refused: 'changed' };
    }
    const report = reload.try({
      ...{ author, text: formed.text },
      prepare: async () => {
        const isUnchanged = await isSame().catch((error: Error) =>
          refuse('unwritable', error.message),
        );
        if (!isUnchanged) refuse('changed', CHANGED);
        replacement = await prepareReplacement(source.file, formed.bytes).catch((error: Error) =>
          refuse('unwritable', error.message),
        );
      },
      decide: async (changes) => {
        const reason = await new Promise<string | undefined>((decide) => {
          const id = randomUUID();
          this.#timer = setTimeout(() => decide(LATE), trialMs);
          this.#trial = { id, by: author.by, decide };
          started({ trial: id, trialMs, changes });
        });
        clearTimeout(this.#timer);
        if (reason !== undefined) return reason;
        try {
          if (!(await isSame())) return CHANGED;
          await replacement?.commit();
          return undefined;
        } catch (error) {
          return (error as Error).message;
        }
      },
    });
    try {
      const result = await report;
      return { ...result, refused };
    } finally {
      await replacement?.discard();
    }
  }

  async #end(trial: string, reason: string | undefined): Promise<Refusal | undefined> {
    const open = this.#trial;
    if (open?.id !== trial || !this.#done) {
      return { refused: 'failed', reason: 'this config is not tried any more', isTakenBack: true };
    }
    open.decide(reason);
    const report = await this.#done;
    return report.applied ? undefined : refusalOf(report);
  }

  #busyText(): string {
    const by = this.#trial?.by;
    return by === undefined
      ? 'another change of the config is applied at this moment: try again'
      : `a change by ${by} is tried at this moment: try again`;
  }
}

function refusalOf(report: Outcome): Refusal {
  const { reason = '', problems, isTakenBack, refused } = report;
  const kind = refused ?? (isTakenBack ? 'failed' : 'invalid');
  return {
    ...{ refused: kind, reason },
    ...(problems ? { problems } : {}),
    ...(isTakenBack ? { isTakenBack } : {}),
  };
}

interface FileText {
  readonly bytes: Buffer;
  readonly text: string;
  readonly hasMark: boolean;
}

const MARK = Buffer.from('\ufeff');

async function fileOf(file: string): Promise<FileText> {
  const read = await readTextFile(file);
  if (!('text' in read)) throw new Error(`${file}: ${read.message}`);
  return { ...read, hasMark: read.bytes.subarray(0, MARK.length).equals(MARK) };
}

/** A text with the line ends of the former one, and with its byte order mark. */
function inForm(
  text: string,
  former: string,
  hasMark: boolean,
): { readonly text: string; readonly bytes: Buffer } {
  const lines = text.replaceAll('\r\n', '\n').replace(/^\ufeff/, '');
  const ends = former.match(/\r?\n/g) ?? [];
  const isDos = ends.filter((end) => end === '\r\n').length * 2 > ends.length;
  const formed = isDos ? lines.replaceAll('\n', '\r\n') : lines;
  const bytes = Buffer.from(formed);
  return { text: formed, bytes: hasMark ? Buffer.concat([MARK, bytes]) : bytes };
}
