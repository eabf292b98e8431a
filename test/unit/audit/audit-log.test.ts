import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkAudit } from '../../../src/audit/audit-check.ts';
import { type AuditLine, type AuditRecord, lineText } from '../../../src/audit/audit-line.ts';
import { AuditLog } from '../../../src/audit/audit-log.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const record = (subject: string): AuditRecord => ({
  ...{ what: 'client-disconnected', by: 'anna', address: '127.0.0.1', subject },
});

/** A log with so many lines in a fresh data folder. */
async function logOf(count: number, limits: { fileBytes?: number; oldFiles?: number } = {}) {
  const folder = tempFolder();
  const { log, lines } = createQuietLog();
  const open = async (): Promise<AuditLog> => {
    const audit = new AuditLog({ folder, log, now: () => 1_700_000_000_000, ...limits });
    await audit.start();
    return audit;
  };
  const audit = await open();
  for (let n = 1; n <= count; n++) await audit.append(record(`client ${n}`));
  const files = (): string[] => readdirSync(join(folder, 'audit')).sort();
  const file = (name = files()[0] ?? ''): string => join(folder, 'audit', name);
  const rows = (name?: string): string[] => readFileSync(file(name), 'utf8').trimEnd().split('\n');
  const put = (all: readonly string[], name?: string): void =>
    writeFileSync(file(name), all.map((row) => `${row}\n`).join(''));
  return {
    folder,
    audit,
    open,
    files,
    file,
    rows,
    put,
    logged: lines,
    end: join(folder, 'audit.end'),
  };
}

const FIRST = '00000001.jsonl';

describe('the audit log', () => {
  test('has who, when, what, before and after, chained by SHA-256', async () => {
    const { audit, rows, folder } = await logOf(0);
    await audit.append({
      ...{ what: 'config-applied', by: 'anna', address: '10.0.0.7' },
      ...{ before: ['broker.limits.inflight: 20'], after: ['broker.limits.inflight: 5'] },
    });
    await audit.append(record('plc'));
    const [first, second] = rows().map((row) => JSON.parse(row) as AuditLine);
    expect(first).toMatchObject({
      ...{ number: 1, time: '2023-11-14T22:13:20.000Z', by: 'anna', address: '10.0.0.7' },
      ...{ what: 'config-applied', previous: '0'.repeat(64) },
      ...{ before: ['broker.limits.inflight: 20'], after: ['broker.limits.inflight: 5'] },
    });
    expect(second).toMatchObject({ number: 2, subject: 'plc', previous: first?.hash });
    expect(await checkAudit(folder)).toMatchObject({ findings: [], unfinished: undefined });
    expect((await audit.last(1)).map(({ number }) => number)).toEqual([2]);
  });

  test('continues after a restart, and appends that come at once are in order', async () => {
    const { open, folder } = await logOf(2);
    const audit = await open();
    await Promise.all(['a', 'b', 'c'].map((one) => audit.append(record(one))));
    const { lines, findings } = await checkAudit(folder);
    expect([lines.map(({ number }) => number), findings]).toEqual([[1, 2, 3, 4, 5], []]);
    expect((await audit.last(2)).map(({ subject }) => subject)).toEqual(['c', 'b']);
  });

  test('is bounded: long texts and lists are cut, full files are rotated, the oldest deleted', async () => {
    const { audit, open, files, rows, folder } = await logOf(40, { fileBytes: 1000, oldFiles: 2 });
    expect(files().length).toBeLessThanOrEqual(3);
    expect(files()[0]).not.toBe(FIRST);
    const check = await checkAudit(folder);
    expect([check.findings, check.lines.at(-1)?.number]).toEqual([[], 40]);
    await (await open()).append(record('after a restart'));
    expect((await checkAudit(folder)).findings).toEqual([]);
    const many = Array.from({ length: 500 }, () => 'x'.repeat(10_000));
    await audit.append({ what: 'config-applied', by: 'y'.repeat(10_000), before: many });
    expect(
      Math.max(
        ...files()
          .flatMap((name) => rows(name))
          .map(({ length }) => length),
      ),
    ).toBeLessThan(40_000);
  });

  test('says that the end was cut from an acknowledged line, and continues in another file', async () => {
    const { open, file, folder } = await logOf(3);
    truncateSync(file(), readFileSync(file()).length - 10);
    const { findings, unfinished } = await checkAudit(folder);
    expect(findings).toEqual([
      `the change number 3 is missing: the end was cut behind line 2 of ${FIRST}`,
    ]);
    expect(unfinished).toBeUndefined();
    const audit = await open();
    await audit.append(record('next'));
    const after = await checkAudit(folder);
    expect(after.findings).toEqual([`the change number 3 is missing behind line 2 of ${FIRST}`]);
    expect(after.lines.map(({ what }) => what).slice(-2)).toEqual([
      'audit-damaged',
      'client-disconnected',
    ]);
  });
});

describe('a sudden end of the gateway', () => {
  test('in the middle of a line leaves no finding: it was never acknowledged', async () => {
    const { open, file, folder } = await logOf(2);
    appendFileSync(file(), '{"number":3,"time":"2023-11-1');
    const { findings, unfinished } = await checkAudit(folder);
    expect(findings).toEqual([]);
    expect(unfinished).toMatch(/^line 3 of 00000001.jsonl is not complete: .* never acknowledged/);
    await (await open()).append(record('next'));
    const after = await checkAudit(folder);
    expect([after.findings, after.unfinished, after.lines.length]).toEqual([[], undefined, 3]);
  });

  test('between the line and the end leaves a complete line, which is kept', async () => {
    const { audit, open, end, folder } = await logOf(2);
    const before = readFileSync(end);
    await audit.append(record('third'));
    writeFileSync(end, before);
    const { findings, unfinished } = await checkAudit(folder);
    expect(findings).toEqual([]);
    expect(unfinished).toMatch(/^line 3 of .* is complete and not noted/);
    await (await open()).append(record('fourth'));
    const after = await checkAudit(folder);
    expect([after.findings, after.unfinished, after.lines.length]).toEqual([[], undefined, 4]);
  });

  test('in the middle of a rotation leaves an older file, which goes at the next start', async () => {
    const limits = { fileBytes: 600, oldFiles: 1 };
    const { audit, open, files, file, folder } = await logOf(5, limits);
    const [oldest = ''] = files();
    const kept = readFileSync(file(oldest));
    for (let n = 0; n < 4; n++) await audit.append(record(`more ${n}`));
    expect(files()).not.toContain(oldest);
    writeFileSync(file(oldest), kept);
    await open();
    expect(files()).not.toContain(oldest);
    expect((await checkAudit(folder)).findings).toEqual([]);
  });
});

describe('found by the check', () => {
  type Log = Awaited<ReturnType<typeof logOf>>;
  const cases: readonly (readonly [string, (log: Log) => void, readonly string[]])[] = [
    [
      'a changed line',
      ({ rows, put }) => put(rows().map((row) => row.replace('client 2', 'client 9'))),
      [`line 2 of ${FIRST} was changed`],
    ],
    [
      'a changed last line',
      ({ rows, put }) => put(rows().map((row) => row.replace('client 5', 'client 9'))),
      [`line 5 of ${FIRST} was changed`],
    ],
    [
      'a changed number',
      ({ rows, put }) => put(rows().map((row) => row.replace('"number":3', '"number":4'))),
      [`line 3 of ${FIRST} was changed`],
    ],
    [
      'a line that is no line any more',
      ({ rows, put }) => put(rows().with(2, 'x')),
      [`line 3 of ${FIRST} was changed`],
    ],
    [
      'a removed line',
      ({ rows, put }) => put(rows().toSpliced(2, 1)),
      [`the change number 3 is missing behind line 2 of ${FIRST}`],
    ],
    [
      'the first line removed',
      ({ rows, put }) => put(rows().slice(1)),
      [`the change number 1 is missing before line 1 of ${FIRST}`],
    ],
    [
      'several lines removed',
      ({ rows, put }) => put(rows().toSpliced(1, 3)),
      [`the changes 2 to 4 are missing behind line 1 of ${FIRST}`],
    ],
    [
      'a swapped pair',
      ({ rows, put }) => put(rows().with(1, rows()[2]!).with(2, rows()[1]!)),
      [`line 2 of ${FIRST} and line 3 of ${FIRST} are swapped`],
    ],
    [
      'a swapped pair at the end',
      ({ rows, put }) => put(rows().with(3, rows()[4]!).with(4, rows()[3]!)),
      [`line 4 of ${FIRST} and line 5 of ${FIRST} are swapped`],
    ],
    [
      'a line at a wrong place',
      ({ rows, put }) => put(rows().toSpliced(0, 1).toSpliced(3, 0, rows()[0]!)),
      [`line 4 of ${FIRST} is at a wrong place`],
    ],
    [
      'a line twice',
      ({ rows, put }) => put(rows().toSpliced(2, 0, rows()[1]!)),
      [`line 3 of ${FIRST} is the same as line 2 of ${FIRST}`],
    ],
    [
      'the hashes of two lines swapped',
      ({ rows, put }) => {
        const [a = '', b = ''] = [rows()[1]?.slice(-67), rows()[2]?.slice(-67)];
        put(rows().map((row) => (row.endsWith(a) ? row.replace(a, b) : row.replace(b, a))));
      },
      [`line 2 of ${FIRST} was changed`, `line 3 of ${FIRST} was changed`],
    ],
    [
      'a cut end',
      ({ rows, put }) => put(rows().slice(0, 3)),
      [`the changes 4 to 5 are missing: the end was cut behind line 3 of ${FIRST}`],
    ],
    [
      'a line that was replaced, with its hash',
      ({ rows, put }) => {
        const { previous, number, time } = JSON.parse(rows()[1]!) as AuditLine;
        put(rows().with(1, lineText(record('other'), { number, time, previous }).text));
      },
      [`line 2 of ${FIRST} was replaced: its hash is not the one that follows`],
    ],
    [
      'the last line replaced, with its hash',
      ({ rows, put }) => {
        const { previous, number, time } = JSON.parse(rows()[4]!) as AuditLine;
        put(rows().with(4, lineText(record('other'), { number, time, previous }).text));
      },
      [`line 5 of ${FIRST} was replaced: its hash is not the one of the end`],
    ],
    [
      'an emptied file',
      ({ put }) => put([]),
      [`the changes 1 to 5 are missing: ${FIRST} and all others were deleted`],
    ],
    [
      'a deleted file',
      ({ file }) => rmSync(file()),
      [`the changes 1 to 5 are missing: ${FIRST} and all others were deleted`],
    ],
    [
      'a deleted folder',
      ({ folder }) => rmSync(join(folder, 'audit'), { recursive: true }),
      [`the changes 1 to 5 are missing: ${FIRST} and all others were deleted`],
    ],
  ];

  test.each(cases)('%s, also after the next start', async (_, change, expected) => {
    const log = await logOf(5);
    change(log);
    const { findings, unfinished } = await checkAudit(log.folder);
    expect([findings, unfinished]).toEqual([expected, undefined]);
    const audit = await log.open();
    const message = 'the audit log was changed by others: cellgate doctor says what to do';
    expect(log.logged).toContain(message);
    await audit.append(record('next'));
    // The same is not reported at each start; its words change with the lines that follow.
    for (let starts = 0; starts < 3; starts++) await log.open();
    const after = await checkAudit(log.folder);
    expect(after.findings.length).toBe(expected.length);
    const reports = after.lines.filter(({ what }) => what === 'audit-damaged');
    expect(reports[0]?.after).toEqual(expected);
    expect(reports.length).toBeLessThan(3);
  });

  test.each([
    [
      'a deleted end',
      (end: string) => rmSync(end),
      /audit\.end is missing: whether the last lines are/,
    ],
    [
      'a changed end',
      (end: string) => writeFileSync(end, '{}'),
      /audit\.end was changed: whether lines/,
    ],
  ])('%s, and the log keeps that it was found', async (_, change, expected) => {
    const { end, folder, open } = await logOf(3);
    change(end);
    expect((await checkAudit(folder)).findings).toEqual([expect.stringMatching(expected)]);
    await open();
    const { findings, lines } = await checkAudit(folder);
    expect(findings).toEqual([]);
    expect(lines.at(-1)).toMatchObject({
      what: 'audit-damaged',
      after: [expect.stringMatching(expected)],
    });
  });

  test('lines that another program has added', async () => {
    const { rows, put, folder } = await logOf(2);
    const { hash, time } = JSON.parse(rows()[1]!) as AuditLine;
    const third = lineText(record('x'), { number: 3, time, previous: hash });
    const fourth = lineText(record('y'), { number: 4, time, previous: third.hash });
    put([...rows(), third.text, fourth.text]);
    expect((await checkAudit(folder)).findings).toEqual([
      `line 3 of ${FIRST} was added by another program`,
      `line 4 of ${FIRST} was added by another program`,
    ]);
  });

  test('a file of a rotated log deleted, and two with their names swapped', async () => {
    const { files, file, folder } = await logOf(12, { fileBytes: 900, oldFiles: 9 });
    const [, second = '', third = ''] = files();
    const kept = readFileSync(file(second));
    rmSync(file(second));
    expect((await checkAudit(folder)).findings).toEqual([
      expect.stringMatching(/^the changes \d+ to \d+ are missing behind line \d of 00000001/),
    ]);
    writeFileSync(file(second), kept);
    expect((await checkAudit(folder)).findings).toEqual([]);
    renameSync(file(second), file('kept'));
    renameSync(file(third), file(second));
    renameSync(file('kept'), file(third));
    expect((await checkAudit(folder)).findings.length).toBeGreaterThan(0);
  });
});

test('a log that can not be written is a trouble, its change is not acknowledged, and it recovers', async () => {
  const { audit, folder, end } = await logOf(1);
  // Renaming a file onto a folder fails for every user.
  rmSync(end);
  mkdirSync(join(end, 'in the way'), { recursive: true });
  await expect(audit.append(record('lost'))).rejects.toThrow(
    /^the audit log can't be written: EISDIR/,
  );
  expect(audit.trouble()).toMatch(/^the audit log can't be written/);
  await audit.note(record('lost too'));
  rmSync(end, { recursive: true });
  await audit.append(record('kept'));
  expect(audit.trouble()).toBeUndefined();
  const { lines, findings } = await checkAudit(folder);
  expect([lines.map(({ subject }) => subject), findings]).toEqual([['client 1', 'kept'], []]);
});

test('a folder that can not be read does not prevent a start, and is read when it can be', async () => {
  const { folder, open } = await logOf(2);
  const away = join(folder, 'away');
  renameSync(join(folder, 'audit'), away);
  writeFileSync(join(folder, 'audit'), '');
  const audit = await open();
  expect(audit.trouble()).toMatch(/^the audit log can't be written: ENOTDIR/);
  await expect(audit.append(record('lost'))).rejects.toThrow();
  rmSync(join(folder, 'audit'));
  renameSync(away, join(folder, 'audit'));
  await audit.append(record('third'));
  const { lines, findings } = await checkAudit(folder);
  expect([lines.length, findings]).toEqual([3, []]);
});

test('its files are not for others', async () => {
  const { file, end } = await logOf(1);
  for (const one of [file(), end]) expect(statSync(one).mode & 0o007).toBe(0);
});
