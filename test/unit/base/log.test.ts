import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../../src/base/log.ts';
import { BusError } from '../../../src/buses/bus-error.ts';

function sink(isTTY: boolean): { text: string; isTTY: boolean; write(text: string): void } {
  return {
    text: '',
    isTTY,
    write(text) {
      this.text += text;
    },
  };
}

describe('the log', () => {
  it('writes one JSON object a line when nobody watches', () => {
    const out = sink(false);
    createLog('info', out, {}).info({ sensor: 'a' }, 'hello');
    expect(out.text.endsWith('\n')).toBe(true);
    const line: unknown = JSON.parse(out.text);
    expect(line).toEqual({ level: 'info', time: expect.any(String), sensor: 'a', msg: 'hello' });
  });

  it('writes for people on a terminal, in colour unless NO_COLOR is set', () => {
    const colour = sink(true);
    createLog('info', colour, {}).info('hello');
    expect(colour.text).toContain('\u001b[');
    const plain = sink(true);
    createLog('info', plain, { NO_COLOR: '1' }).info('hello');
    expect(plain.text).toMatch(/INFO.*hello\n$/);
    expect(plain.text).not.toContain('\u001b[');
  });

  it('writes JSON to the journal', () => {
    const out = sink(true);
    createLog('info', out, { JOURNAL_STREAM: '8:1234' }).info('hello');
    expect(JSON.parse(out.text)).toMatchObject({ msg: 'hello' });
  });

  it('tells the journal how much a line weighs, and nobody else', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cellgate-log-'));
    const file = join(folder, 'journal');
    const fd = openSync(file, 'a');
    const out = { fd, write: (text: string) => writeSync(fd, text) };
    const { dev, ino } = fstatSync(fd);
    const log = createLog('debug', out, { JOURNAL_STREAM: `${dev}:${ino}` });
    for (const level of ['fatal', 'error', 'warn', 'info', 'debug'] as const) log[level]('hello');
    createLog('info', out, { JOURNAL_STREAM: `${dev}:${ino + 1}` }).info('hello');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.map((line) => line.slice(0, 3))).toEqual([
      ...['<2>', '<3>', '<4>', '<6>', '<7>'],
      '{"l',
    ]);
    expect(JSON.parse(lines[0]!.slice(3))).toMatchObject({ level: 'fatal', msg: 'hello' });
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  it('keeps to its level', () => {
    const out = sink(false);
    const log = createLog('warn', out, {});
    log.info('no');
    log.warn('yes');
    expect(out.text).not.toContain('no');
    expect(out.text).toContain('yes');
  });

  it('tells the whole of an error', () => {
    const out = sink(false);
    createLog('info', out, {}).error(
      { err: new Error('broken', { cause: new Error('cable') }) },
      'x',
    );
    expect(out.text).toContain('broken');
    expect(out.text).toContain('cable');
  });

  it.each([
    'password',
    'Password',
    'passphrase',
    'secret',
    'clientSecret',
    'token',
    'accessToken',
    'key',
    'privateKey',
    'api_key',
    'authorization',
    'credential',
  ])('blanks %s at any depth', (key) => {
    const out = sink(false);
    const log = createLog('info', out, {}).child({ [key]: 'hunter2' });
    log.info({ [key]: 'hunter2', user: { [key]: 'hunter2', list: [{ [key]: ['hunter2'] }] } }, 'x');
    expect(out.text).not.toContain('hunter2');
    expect(out.text).toContain('[redacted]');
  });

  it('leaves alone what only sounds alike, and survives circles', () => {
    const out = sink(false);
    const circle: Record<string, unknown> = { monkey: 'a', passed: true, keys: 3 };
    circle.self = circle;
    createLog('info', out, {}).info({ circle }, 'x');
    expect(JSON.parse(out.text)).toMatchObject({ circle: { monkey: 'a', passed: true, keys: 3 } });
  });
});

it('a fault of a bus has its sentences in the log, and its stack only at the level debug', () => {
  const linesAt = (level: string): string => {
    let text = '';
    const log = createLog(level, { write: (line) => (text += line) }, {});
    const cause = new Error('ENOENT: no such file or directory, open /dev/i2c-7');
    log.warn({ err: new BusError('missing', 'there is no i2c-7', { cause }) }, 'sensor a');
    log.warn({ err: new TypeError('a defect') }, 'other');
    return text;
  };
  const [bus = '', other = ''] = linesAt('info').split('\n');
  expect(bus).toContain('"message":"there is no i2c-7: ENOENT');
  expect(bus).not.toContain('stack');
  expect(other).toContain('"stack":"TypeError: a defect');
  expect(linesAt('debug').split('\n')[0]).toContain('"stack":"BusError');
});
