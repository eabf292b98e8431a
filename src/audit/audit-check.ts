import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AuditEnd,
  auditFiles,
  auditFolder,
  endFile,
  fileName,
  readEnd,
} from './audit-files.ts';
import { type AuditLine, NO_HASH, parseLine } from './audit-line.ts';

/** What a check of the log has found. */
export interface AuditCheck {
  /** Lines that are in order, oldest first. */
  readonly lines: readonly AuditLine[];
  /** Where the log is not as the gateway has written it, one sentence each. */
  readonly findings: readonly string[];
  /** What a sudden end of the gateway has left; it was never acknowledged, and is no change by others. */
  readonly unfinished: string | undefined;
  /** Bytes of the last file up to the end of its last line, if there are others behind it that belong to no line. */
  readonly keptBytes: number | undefined;
}

/** A line with its place. */
interface CheckedLine {
  readonly at: string;
  readonly line: AuditLine | undefined;
  readonly isIntact: boolean;
  /** Of a line that is not intact: by its place. */
  number: number;
}

/** The most sentences; the others are counted. */
const MOST_FINDINGS = 50;
const TRIES = 3;

/** Reads and checks the log in a data folder, also while a gateway appends to it. Rejects where it can't be read. */
export async function checkAudit(data: string): Promise<AuditCheck> {
  for (let tries = 1; ; tries++) {
    const end = await readEnd(data);
    const files = await auditFiles(data);
    const folder = auditFolder(data);
    const texts = await Promise.all(
      files.map(async ({ name }) => ({ name, bytes: await readFile(join(folder, name)) })),
    );
    const after = await readEnd(data);
    const isSame = JSON.stringify(after) === JSON.stringify(end);
    if (isSame || tries === TRIES) return checkTexts(texts, end, endFile(data));
  }
}

/** Checks the bytes of all files, oldest first. */
export function checkTexts(
  files: readonly { readonly name: string; readonly bytes: Buffer }[],
  end: AuditEnd | 'damaged' | undefined,
  endName: string,
): AuditCheck {
  const known = typeof end === 'object' ? end : undefined;
  const { placed, rest, keptBytes } = placedLines(files, known?.first ?? 1);
  const findings = [
    ...ofEnd(end, placed, endName),
    ...changed(placed),
    ...orderOf(placed),
    ...missing(placed, known),
    ...replaced(placed, known),
    ...added(placed, known),
  ];
  const last = placed.at(-1);
  const isWhole = known === undefined || (last?.number ?? 0) >= known.count;
  // Part of an acknowledged line: its number is among those that are missing.
  const unfinished = rest === undefined || !isWhole ? undefined : tornText(rest);
  const lines = placed.flatMap(({ line, isIntact }) => (line && isIntact ? [line] : []));
  return {
    lines,
    findings: bounded(findings),
    unfinished: unfinished ?? unacknowledged(placed, known),
    keptBytes,
  };
}

function placedLines(files: readonly { name: string; bytes: Buffer }[], first: number) {
  const placed: CheckedLine[] = [];
  let rest: string | undefined;
  let keptBytes: number | undefined;
  for (const { name, bytes } of files) {
    const size = bytes.lastIndexOf(0x0a) + 1;
    const rows = size === 0 ? [] : bytes.toString('utf8', 0, size - 1).split('\n');
    for (const [index, row] of rows.entries()) {
      const { line, isIntact = false } = parseLine(row) ?? {};
      const inferred = (placed.at(-1)?.number ?? first - 1) + 1;
      const number = isIntact && line ? line.number : inferred;
      placed.push({ at: `line ${index + 1} of ${name}`, line, isIntact, number });
    }
    const isCut = size < bytes.length;
    rest = isCut ? `line ${rows.length + 1} of ${name}` : undefined;
    keptBytes = isCut ? size : undefined;
  }
  return { placed, rest, keptBytes };
}

function tornText(at: string): string {
  return `${at} is not complete: the gateway or its power has ended while it was written, so it was never acknowledged; the next start removes it`;
}

/** One complete line behind the end: it was written, and the gateway ended before it noted that. */
function unacknowledged(
  placed: readonly CheckedLine[],
  end: AuditEnd | undefined,
): string | undefined {
  const last = placed.at(-1);
  if (!end || !last?.isIntact || last.number !== end.count + 1) return undefined;
  return `${last.at} is complete and not noted in the end: the gateway or its power has ended meanwhile; the next start notes it`;
}

function ofEnd(
  end: AuditEnd | 'damaged' | undefined,
  placed: readonly CheckedLine[],
  name: string,
): readonly string[] {
  if (end === 'damaged') return [`${name} was changed: whether lines are missing is not known`];
  if (end !== undefined || placed.length === 0) return [];
  return [`${name} is missing: whether the last lines are missing is not known`];
}

function changed(placed: readonly CheckedLine[]): readonly string[] {
  return placed.filter(({ isIntact }) => !isIntact).map(({ at }) => `${at} was changed`);
}

/** Lines that are not in the order of their numbers. */
function orderOf(placed: readonly CheckedLine[]): readonly string[] {
  const found: string[] = [];
  const seen = new Map<number, string>();
  let highest = 0;
  for (const [index, { at, number, isIntact }] of placed.entries()) {
    const before = placed[index - 1];
    const twin = seen.get(number);
    if (isIntact && twin !== undefined) found.push(`${at} is the same as ${twin}`);
    else if (isIntact && number < highest) {
      const isSwapped = before?.isIntact === true && before.number === number + 1;
      found.push(isSwapped ? `${before.at} and ${at} are swapped` : `${at} is at a wrong place`);
    }
    seen.set(number, at);
    highest = Math.max(highest, number);
  }
  return found;
}

function missing(placed: readonly CheckedLine[], end: AuditEnd | undefined): readonly string[] {
  const numbers = new Set(placed.map(({ number }) => number));
  const sorted = [...numbers].sort((a, b) => a - b);
  const firstThere = sorted[0] ?? 1;
  const first = end ? end.first : firstThere;
  const last = Math.max(end?.count ?? 0, sorted.at(-1) ?? 0);
  const found: string[] = [];
  let expected = first;
  for (const number of [...sorted.filter((one) => one >= first), last + 1]) {
    if (number > expected) found.push(missingText(expected, number - 1, last, placed));
    expected = number + 1;
  }
  return found;
}

function missingText(
  from: number,
  to: number,
  last: number,
  placed: readonly CheckedLine[],
): string {
  const which =
    from === to
      ? `the change number ${from} is missing`
      : `the changes ${from} to ${to} are missing`;
  const before = placed.find(({ number }) => number === from - 1);
  const after = placed.find(({ number }) => number === to + 1);
  if (placed.length === 0) return `${which}: ${fileName(from)} and all others were deleted`;
  if (to === last) return `${which}: the end was cut behind ${before?.at ?? 'the first line'}`;
  return before
    ? `${which} behind ${before.at}`
    : `${which} before ${after?.at ?? 'the first line'}`;
}

/** Lines whose hash is right by itself, but not the one that was written. */
function replaced(placed: readonly CheckedLine[], end: AuditEnd | undefined): readonly string[] {
  const byNumber = new Map(placed.map((one) => [one.number, one]));
  const found: string[] = [];
  for (const { line, isIntact, number, at } of placed) {
    if (!line || !isIntact) continue;
    const before = byNumber.get(number - 1);
    const expected =
      number === end?.first ? end.firstPrevious : number === 1 ? NO_HASH : before?.line?.hash;
    if (expected === undefined || expected === line.previous) continue;
    if (before && !before.isIntact) continue;
    found.push(`${before?.at ?? at} was replaced: its hash is not the one that follows`);
  }
  const last = end && byNumber.get(end.count);
  if (last?.isIntact && last.line?.hash !== end?.hash) {
    found.push(`${last.at} was replaced: its hash is not the one of the end`);
  }
  return found;
}

/** More lines behind the end than the one that a sudden end of the gateway can leave. */
function added(placed: readonly CheckedLine[], end: AuditEnd | undefined): readonly string[] {
  if (!end) return [];
  const more = placed.filter(({ number }) => number > end.count);
  return more.length > 1 ? more.map(({ at }) => `${at} was added by another program`) : [];
}

function bounded(findings: readonly string[]): readonly string[] {
  if (findings.length <= MOST_FINDINGS) return findings;
  const more = findings.length - MOST_FINDINGS;
  return [...findings.slice(0, MOST_FINDINGS), `and ${more} more`];
}
