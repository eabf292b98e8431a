import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { alarmSchema } from '../../src/config/schema/alarms.ts';
import { runAlarms } from '../support/alarm-run.ts';

const page = readFileSync('docs/alarms.md', 'utf8');
const pictures = [...page.matchAll(/```\n(alarm: .*)\nin: +(.*)\nout: +(.*)\n```/g)].map(
  ([, alarm = '', given = '', expected = '']) => ({
    alarm,
    given: given.trim().split(/ +/),
    expected: expected.trim().split(/ +/),
  }),
);
const LETTERS: Readonly<Record<string, string>> = { normal: '-', active: 'A', cleared: 'C' };

test.each(pictures)('$alarm', async ({ alarm, given, expected }) => {
  const { alarm: config } = parse(alarm) as { alarm: Record<string, unknown> };
  const run = await runAlarms([{ name: 'one', ...config }]);
  const out: string[] = [];
  for (const word of given) {
    if (word === 'ack') run.send('one', 'acknowledge');
    else if (word === '!') run.take(null, 'bad');
    else if (word !== '·') run.take(parse(word) as number | boolean);
    // What is due at the moment of the next sample belongs to that second.
    await run.clock.advance(500);
    const [status] = run.list.list();
    const letter = LETTERS[status?.state ?? ''] ?? '?';
    const known = status?.state === 'active' && status.acknowledged ? 'a' : letter;
    out.push(status?.quality === 'bad' ? `${known}!` : known);
    await run.clock.advance(500);
  }
  expect(out).toEqual(expected);
});

test('every kind has its picture', () => {
  const kinds = [
    'above',
    'below',
    'outside',
    'equals',
    'rate',
    'stale',
    'bad',
    'delay',
    'latching',
    'hysteresis',
  ];
  expect(Object.keys(alarmSchema.shape)).toEqual(expect.arrayContaining(kinds));
  const shown = pictures.map(({ alarm }) => alarm).join();
  expect(kinds.filter((kind) => !shown.includes(`${kind}:`))).toEqual([]);
});
