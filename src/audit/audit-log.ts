import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Service } from '../base/lifecycle.ts';
import { createMutex } from '../base/mutex.ts';
import { checkAudit } from './audit-check.ts';
import {
  type AuditEnd,
  appendText,
  auditFiles,
  auditFolder,
  fileName,
  readEnd,
  shortenFile,
  writeEnd,
} from './audit-files.ts';
import {
  type AuditLine,
  type AuditRecord,
  GATEWAY,
  LOCAL_ADMINISTRATOR,
  lineText,
  NO_HASH,
  parseLine,
} from './audit-line.ts';

export interface AuditLogParts {
  /** The data folder. */
  readonly folder: string;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  now(): number;
  /** SHA-256 of the text of the config at the start; without it, it is not compared with the last one. */
  readonly config?: string;
  /** When a file is full, and how many full ones are kept beside the one that is written. */
  readonly fileBytes?: number;
  readonly oldFiles?: number;
}

const FILE_BYTES = 1024 ** 2;
const OLD_FILES = 4;
const EMPTY: AuditEnd = { count: 0, hash: NO_HASH, first: 1, firstPrevious: NO_HASH };

/**
 * The changes made through the gateway, one line of JSON each, in files that are only appended to. Each line has the hash
 * of the line before. The last hash is kept apart, so that a cut end is found.
 */
export class AuditLog implements Service {
  readonly name = 'audit log';
  readonly #parts: AuditLogParts;
  readonly #inOrder = createMutex();
  #end: AuditEnd = EMPTY;
  /** The file that is written; undefined where the next line begins one. */
  #file: string | undefined;
  #trouble: string | undefined;
  /** A line that could not be taken back when its append failed. */
  #unwanted: { readonly name: string; readonly size: number } | undefined;
  #findings: readonly string[] = [];
  /** Whether the lines from before are known. */
  #isRead = false;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
  }

  /** Where the log was not as it was written, at the start. */
  get findings(): readonly string[] {
    return this.#findings;
  }

  /** Continues behind the last line. A log that can't be read or was changed by others does not prevent a start. */
  async start(): Promise<void> {
    try {
      await this.#continue();
    } catch (error) {
      this.#failed(error);
      return;
    }
    await this.#noteConfig();
  }

  async stop(): Promise<void> {
    await this.#inOrder(async () => undefined);
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Resolves when the line is on disk; rejects when it could not be written, and then it is not in the log. `config`: the
   * hash of the config that is in force from then on.
   */
  append(record: AuditRecord, config = this.#end.config): Promise<void> {
    return this.#inOrder(async () => {
      try {
        if (!this.#isRead) await this.#continue();
        await this.#append(record, config);
        this.#trouble = undefined;
      } catch (error) {
        throw this.#failed(error);
      }
    });
  }

  /** The same for a change that is made in any case: a failure is in the log of the gateway, and a trouble. */
  async note(record: AuditRecord, config?: string): Promise<void> {
    await this.append(record, config).catch(() => undefined);
  }

  /** The newest lines, the newest first. */
  async last(count: number): Promise<readonly AuditLine[]> {
    const { folder } = this.#parts;
    const found: AuditLine[] = [];
    for (const { name } of (await auditFiles(folder)).toReversed()) {
      const text = await readFile(join(auditFolder(folder), name), 'utf8');
      const rows = text.split('\n').toReversed();
      for (const row of rows) {
        const line = row === '' ? undefined : parseLine(row)?.line;
        if (line && found.push(line) === count) return found;
      }
    }
    return found;
  }

  /** A config that was changed without a reload. No trouble where it can't be written: a start changes nothing. */
  async #noteConfig(): Promise<void> {
    const { config, log } = this.#parts;
    const former = this.#end.config;
    if (config === undefined || config === former) return;
    const reason = former && 'the file was changed while the gateway did not run, or for a restart';
    const record = { what: 'config-at-start', by: LOCAL_ADMINISTRATOR, reason } as const;
    await this.#append(record, config).catch((error: unknown) => {
      log.warn({ err: error }, 'audit log: the config at the start could not be added');
    });
  }

  async #continue(): Promise<void> {
    const { folder, log } = this.#parts;
    const { lines, findings, unfinished, keptBytes } = await checkAudit(folder);
    const stored = await readEnd(folder);
    const files = await auditFiles(folder);
    const last = lines.reduce<AuditLine | undefined>(
      (newest, line) => (newest && newest.number >= line.number ? newest : line),
      undefined,
    );
    const begun = { first: lines[0]?.number ?? 1, firstPrevious: lines[0]?.previous ?? NO_HASH };
    const end = typeof stored === 'object' ? stored : { ...EMPTY, ...begun };
    const isBehind = last !== undefined && last.number > end.count;
    this.#end = isBehind ? { ...end, count: last.number, hash: last.hash } : end;
    this.#file = files.at(-1)?.name;
    this.#findings = findings;
    this.#isRead = true;
    if (keptBytes !== undefined && this.#file !== undefined) {
      // What was cut out of an acknowledged line stays for those who look into it.
      if (unfinished === undefined) this.#file = undefined;
      else await shortenFile(folder, this.#file, keptBytes);
    }
    if (unfinished !== undefined) log.warn(`audit log: ${unfinished}`);
    if (isBehind || (stored !== this.#end && lines.length > 0)) await writeEnd(folder, this.#end);
    await this.#removeOld();
    if (findings.length > 0) await this.#reportDamage(findings);
  }

  /** Once for the same findings: they stay until the files with them are rotated out. */
  async #reportDamage(findings: readonly string[]): Promise<void> {
    const message = 'the audit log was changed by others: cellgate doctor says what to do';
    this.#parts.log.error({ findings }, message);
    const reported = (await this.last(1000)).find(({ what }) => what === 'audit-damaged');
    if (JSON.stringify(reported?.after) === JSON.stringify(findings)) return;
    await this.#append({ what: 'audit-damaged', by: GATEWAY, after: findings }, this.#end.config);
  }

  async #append(record: AuditRecord, config: string | undefined): Promise<void> {
    const { folder, log, now } = this.#parts;
    if (this.#unwanted) await shortenFile(folder, this.#unwanted.name, this.#unwanted.size);
    this.#unwanted = undefined;
    const { count, hash: previous } = this.#end;
    const place = { number: count + 1, time: new Date(now()).toISOString(), previous };
    const { text, hash } = lineText(record, place);
    const name = this.#file ?? fileName(place.number);
    const size = await appendText(folder, name, `${text}\n`);
    const end = { ...this.#end, count: place.number, hash, config };
    try {
      await writeEnd(folder, end);
    } catch (error) {
      await shortenFile(folder, name, size).catch(() => {
        this.#unwanted = { name, size };
      });
      throw error;
    }
    this.#end = end;
    const isFull = size + text.length >= (this.#parts.fileBytes ?? FILE_BYTES);
    this.#file = isFull ? undefined : name;
    const { what, by, address, subject } = record;
    // The journal is another place: it has the hash that the line must have.
    log.info({ number: place.number, what, by, address, subject, hash }, 'a change was made');
    if (isFull) await this.#removeOld();
  }

  /** Deletes the oldest full files. What is left begins with the hash of the last line of those. */
  async #removeOld(): Promise<void> {
    const { folder, log, oldFiles = OLD_FILES } = this.#parts;
    const files = await auditFiles(folder);
    const full = this.#file === undefined ? files : files.slice(0, -1);
    // A rotation that did not end has left files from before the first line.
    const left = files.filter(({ first }) => first < this.#end.first).length;
    const old = full.slice(0, Math.max(left, full.length - oldFiles));
    const next = files[old.length];
    if (old.length === 0 || !next) return;
    try {
      const [text = ''] = (await readFile(join(auditFolder(folder), next.name), 'utf8')).split(
        '\n',
      );
      const { line } = parseLine(text) ?? {};
      if (line && line.number > this.#end.first) {
        const end = { ...this.#end, first: line.number, firstPrevious: line.previous };
        await writeEnd(folder, end);
        this.#end = end;
      }
      for (const { name } of old) await rm(join(auditFolder(folder), name));
    } catch (error) {
      log.warn({ err: error }, 'audit log: the oldest lines could not be deleted');
    }
  }

  #failed(error: unknown): Error {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOSPC' ? 'no space is left' : (code ?? message);
    this.#trouble = `the audit log can't be written: ${reason}`;
    this.#parts.log.error({ err: error }, this.#trouble);
    return new Error(this.#trouble, { cause: error });
  }
}
