import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AuditLog } from '../../../src/audit/audit-log.ts';
import { Services } from '../../../src/base/lifecycle.ts';
import { loadWithChanges } from '../../../src/config/load-changes.ts';
import type { Config } from '../../../src/config/schema/schema.ts';
import { ConfigEditor, type TriedConfig } from '../../../src/runtime/config-editor.ts';
import { Reload } from '../../../src/runtime/reload.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const TEXT = '# the cell\ncell: c\nbroker:\n  limits: { inflight: 20 }\n';
const OTHER = TEXT.replace('20', '5');
const ANNA = { by: 'anna', address: '10.0.0.7' };

/** A running gateway of one part, which refuses an inflight of 13. */
async function setUp({ text = TEXT, trialMs = 60_000 } = {}) {
  const folder = tempFolder();
  const file = join(folder, 'config.yaml');
  writeFileSync(file, text, { mode: 0o640 });
  const { log } = createQuietLog();
  const audit = new AuditLog({ folder, log, now: () => 0 });
  await audit.start();
  const services = new Services<Config>();
  const applied: number[] = [];
  const part = { name: 'broker', start: async () => undefined, stop: async () => undefined };
  services.add(part, async ({ broker }) => {
    applied.push(broker.limits.inflight);
    if (broker.limits.inflight === 13) throw new Error('13 is refused');
  });
  const load = (request = {}) => loadWithChanges(file, fakeDrivers, folder, request);
  const { config, text: inForce = '' } = await load();
  if (!config) throw new Error('the config is wrong');
  const reload = new Reload({ config, text: inForce, services, log, audit, load });
  const editor = new ConfigEditor({ source: { file, load }, reload, trialMs });
  const onDisk = (): string => readFileSync(file, 'utf8');
  const apply = async (next: string, author = ANNA) =>
    editor.apply(next, (await editor.read()).hash, author);
  const tried = async (next: string): Promise<TriedConfig> => {
    const result = await apply(next);
    if ('refused' in result) throw new Error(result.reason);
    return result;
  };
  const audited = async () => (await audit.last(9)).map(({ what, by }) => `${what} by ${by}`);
  return { folder, file, editor, reload, applied, onDisk, apply, tried, audit, audited };
}

describe('a change of the config', () => {
  test('is tried by all parts, and the file has it when it is kept', async () => {
    const { editor, tried, applied, onDisk, audit, file, folder } = await setUp();
    const { trial, changes } = await tried(OTHER);
    expect([applied, changes, onDisk()]).toEqual([[5], ['broker.limits.inflight: 20 -> 5'], TEXT]);
    expect(await editor.keep(trial)).toBeUndefined();
    expect([applied, onDisk(), statSync(file).mode & 0o777]).toEqual([[5], OTHER, 0o640]);
    expect(readdirSync(folder).filter((name) => name.includes('.new'))).toEqual([]);
    expect(await audit.last(2)).toMatchObject([
      { ...{ what: 'config-kept', by: 'anna', address: '10.0.0.7' } },
      {
        ...{ what: 'config-applied', by: 'anna', address: '10.0.0.7' },
        ...{ before: ['broker.limits.inflight: 20'], after: ['broker.limits.inflight: 5'] },
      },
    ]);
  });

  test('is taken back by itself if it is not kept within its time', async () => {
    const { editor, reload, tried, applied, onDisk, audited } = await setUp({ trialMs: 20 });
    const { trial } = await tried(OTHER);
    // Begins when the trial has ended.
    expect(await reload.run()).toMatchObject({ applied: true, changes: [] });
    expect([applied.slice(0, 2), onDisk()]).toEqual([[5, 20], TEXT]);
    expect(await audited()).toEqual(['config-taken-back by gateway', 'config-applied by anna']);
    expect(await editor.keep(trial)).toMatchObject({ refused: 'failed', isTakenBack: true });
  });

  test('is taken back with the reason of the page, and with that of a part that refuses it', async () => {
    const { editor, tried, apply, applied, onDisk, audited } = await setUp();
    const { trial } = await tried(OTHER);
    expect(await editor.takeBack(trial, 'no connection')).toMatchObject({
      reason: 'no connection',
    });
    const refused = await apply(TEXT.replace('20', '13'));
    expect(refused).toEqual({
      refused: 'failed',
      reason: 'broker: 13 is refused',
      isTakenBack: true,
    });
    expect([applied, onDisk()]).toEqual([[5, 20, 13, 20], TEXT]);
    expect(await audited()).toEqual([
      'config-taken-back by anna',
      'config-taken-back by gateway',
      'config-applied by anna',
    ]);
  });

  test('of only a comment is kept too, and is a line of the audit log', async () => {
    const { editor, tried, onDisk, audited } = await setUp();
    const { trial, changes } = await tried(TEXT.replace('the cell', 'the first cell'));
    expect(changes).toEqual([]);
    await editor.keep(trial);
    expect(onDisk()).toContain('the first cell');
    expect((await audited()).length).toBe(2);
  });
});

describe('nothing is changed', () => {
  test.each([
    ['a wrong key', 'cel: c\n', /unknown key/],
    ['broken YAML', 'cell: [c\n', /./],
    ['a tab', 'cell: c\nbroker:\n\tlimits: {}\n', /tab/],
    ['an empty text', '', /empty/],
    [
      'a change that needs a restart',
      TEXT.replace('cell: c', 'cell: d'),
      /cell has changed, which needs a restart/,
    ],
  ])('by %s', async (_, text, reason) => {
    const { apply, applied, onDisk, audited } = await setUp();
    expect(await apply(text)).toMatchObject({
      refused: 'invalid',
      reason: expect.stringMatching(reason),
    });
    expect([applied, onDisk(), await audited()]).toEqual([[], TEXT, []]);
  });

  test('if the file was changed since it was read, or while the change is tried', async () => {
    const { editor, tried, applied, onDisk, file } = await setUp();
    const { hash } = await editor.read();
    writeFileSync(file, `${TEXT}# edited\n`);
    const refused = await editor.apply(OTHER, hash, ANNA);
    expect(refused).toMatchObject({ refused: 'changed' });
    const { trial } = await tried(OTHER);
    writeFileSync(file, TEXT);
    expect(await editor.keep(trial)).toMatchObject({
      ...{ refused: 'failed', isTakenBack: true },
      reason: expect.stringMatching(/^the config file was changed meanwhile/),
    });
    expect([applied, onDisk()]).toEqual([[5, 20], TEXT]);
  });

  test('by the second of two who apply at once, who learns why', async () => {
    const { editor, apply, applied, onDisk } = await setUp();
    const bert = { by: 'bert', address: '10.0.0.8' };
    const [first, second] = await Promise.all([apply(OTHER), apply(TEXT.replace('20', '6'), bert)]);
    expect('trial' in first).toBe(true);
    expect(second).toMatchObject({ refused: 'busy' });
    expect(await apply(TEXT, bert)).toMatchObject({
      reason: 'a change by anna is tried at this moment: try again',
    });
    await editor.keep((first as TriedConfig).trial);
    expect([applied, onDisk()]).toEqual([[5], OTHER]);
  });

  test('if the file is read-only, also for root', async () => {
    const { apply, applied, file } = await setUp();
    chmodSync(file, 0o440);
    expect(await apply(OTHER)).toEqual({
      refused: 'unwritable',
      reason: `${file} can't be written: it is read-only for the user of the gateway`,
    });
    expect(applied).toEqual([]);
  });

  test('if the new text can not be written beside the file', async () => {
    const { apply, applied, file } = await setUp();
    mkdirSync(join(`${file}.new`, 'in the way'), { recursive: true });
    expect(await apply(OTHER)).toMatchObject({
      refused: 'unwritable',
      reason: expect.stringMatching(/config\.yaml can't be written: /),
    });
    expect(applied).toEqual([]);
  });

  test('if the audit log can not be written', async () => {
    const { apply, applied, folder, onDisk } = await setUp();
    writeFileSync(join(folder, 'audit'), '');
    expect(await apply(OTHER)).toMatchObject({
      reason: expect.stringMatching(/^the audit log can't be written/),
    });
    expect([applied, onDisk()]).toEqual([[5, 20], TEXT]);
  });

  test('if the file is gone', async () => {
    const { editor, file } = await setUp();
    const { hash } = await editor.read();
    rmSync(file);
    await expect(editor.read()).rejects.toThrow(/config\.yaml: no such file/);
    expect(await editor.apply(OTHER, hash, ANNA)).toMatchObject({ refused: 'unwritable' });
    expect(existsSync(file)).toBe(false);
  });
});

describe('the form of the file stays', () => {
  const dos = (text: string): string => text.replaceAll('\n', '\r\n');
  test.each([
    ['line ends of Windows', dos(TEXT), dos(OTHER)],
    ['a byte order mark', `\ufeff${TEXT}`, `\ufeff${OTHER}`],
    ['both', `\ufeff${dos(TEXT)}`, `\ufeff${dos(OTHER)}`],
    ['no line end at the end', TEXT.trimEnd(), OTHER.trimEnd()],
  ])('with %s', async (_, before, after) => {
    const { editor, tried, onDisk, audit } = await setUp({ text: before });
    const { text } = await editor.read();
    expect(text).toBe(before.replace('\ufeff', '').replaceAll('\r\n', '\n'));
    await editor.keep((await tried(text.replace('20', '5'))).trial);
    expect(onDisk()).toBe(after);
    expect((await audit.last(2))[1]).toMatchObject({ after: ['broker.limits.inflight: 5'] });
  });

  test('with a link, which still leads to the file', async () => {
    const { folder, file, reload } = await setUp();
    const link = join(folder, 'link.yaml');
    symlinkSync(file, link);
    const load = (request = {}) => loadWithChanges(link, fakeDrivers, folder, request);
    const editor = new ConfigEditor({ source: { file: link, load }, reload });
    const result = await editor.apply(OTHER, (await editor.read()).hash, ANNA);
    await editor.keep((result as TriedConfig).trial);
    expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual([
      OTHER,
      expect.arrayContaining(['link.yaml']),
    ]);
    expect(statSync(link).ino).toBe(statSync(file).ino);
  });
});

test('a check has the findings of the text with their lines, and what it would change', async () => {
  const { editor } = await setUp();
  expect(await editor.check(`${TEXT}wrong: 1\n`)).toMatchObject({
    problems: [{ line: 5, path: 'wrong' }],
    changes: [],
  });
  expect(await editor.check(OTHER)).toMatchObject({
    problems: [],
    changes: ['broker.limits.inflight: 20 -> 5'],
  });
  const restart = await editor.check(TEXT.replace('cell: c', 'cell: d'));
  expect(restart?.obstacle).toMatch(/needs a restart/);
  const many = await Promise.all(Array.from({ length: 9 }, () => editor.check(TEXT)));
  expect(many.filter((one) => one === undefined).length).toBe(5);
});
