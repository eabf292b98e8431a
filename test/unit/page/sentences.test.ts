import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSentences } from '../../../src/page/troubles/sentences.ts';
import { GERMAN_SENTENCES } from '../../../src/page/troubles/sentences-de.ts';
import { CHINESE_SENTENCES } from '../../../src/page/troubles/sentences-zh.ts';
import { REPOSITORY } from '../../support/gateway.ts';

/** Each sentence that the program can say is in this table: `test/docs/operations.test.ts` holds it complete. */
const [, table = ''] = readFileSync(join(REPOSITORY, 'docs/operations.md'), 'utf8').split(
  '## Every trouble',
);
const documented = table
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)])
  .map(([, form = '']) => form);
/** Ends of several sentences. */
const ENDS = ['QoS 1 and 2 messages are not acknowledged until it does', '… has the most: …'];
/** What an output says of its last change, and parts of it: see docs/outputs.md. */
const SWITCHED = [
  ...[
    'switched on by …',
    'switched off by …',
    'switched on for … s by …',
    'switched off for … s by …',
  ],
  ...['switched on, …', 'switched off, …', 'as before the restart', 'as it follows …'],
  ...['the gateway', 'user "…", client "…"', 'client "…"'],
];

describe.each([
  ['German', GERMAN_SENTENCES],
  ['Chinese', CHINESE_SENTENCES],
])('the sentences of troubles in %s', (_language, texts) => {
  test('are there for each that docs/operations.md lists, and for what outputs say', () => {
    expect(documented.length).toBeGreaterThan(200);
    expect(Object.keys(texts.forms).sort()).toEqual([...documented, ...ENDS, ...SWITCHED].sort());
  });

  test('have each part of the English one, and differ from it', () => {
    const wrong = Object.entries(texts.forms).filter(([form, translation]) => {
      const places = [...new Set(translation.match(/\{\d\}/g))].sort();
      const count = form.split('…').length - 1;
      return (
        String(places) !== String(Array.from({ length: count }, (_, at) => `{${at + 1}}`)) ||
        form === translation
      );
    });
    expect(wrong).toEqual([]);
  });

  test('are found by their English form, with their values', () => {
    const translate = createSentences(texts);
    for (const [form, translation] of Object.entries(texts.forms)) {
      let at = 0;
      const values = form
        .split('…')
        .slice(1)
        .map((_, index) => `v${index}`);
      const sentence = form.replaceAll('…', () => values[at++] ?? '');
      const expected = translation.replaceAll(/\{(\d)\}/g, (_, place) => values[place - 1] ?? '');
      expect(translate(sentence), form).toBe(expected);
    }
  });
});

describe('a sentence', () => {
  const translate = createSentences(GERMAN_SENTENCES);
  test.each([
    [
      'switched on for 2 s by user "anna", client "page-1"',
      'für 2 s eingeschaltet von: Benutzer „anna“, Client „page-1“',
    ],
    ['switched off, interlocked: DI3 is not on', 'geht aus: verriegelt: DI3 ist nicht on'],
    ['boiler: no answer from 0x48 on i2c-1', 'boiler: keine Antwort von 0x48 on i2c-1'],
    ['12 sensors: no answer from 0x48', '12 Sensoren: keine Antwort von 0x48'],
    [
      '11 sensors and 1 output: the gateway stops',
      '11 Sensoren und 1 Ausgänge: das Gateway hält an',
    ],
    [
      'uplink plant: mqtt://127.0.0.1:1 refuses the connection: nothing listens there',
      'Verbindung zum Werk plant: mqtt://127.0.0.1:1 weist die Verbindung ab: dort hört niemand zu',
    ],
    [
      'the limit broker.limits.queueMemory is reached (1048576); hmi has the most: 9800',
      'die Grenze broker.limits.queueMemory ist erreicht (1048576); am meisten hat hmi: 9800',
    ],
    [
      'no space left for /data: free some; QoS 1 and 2 messages are not acknowledged until it does',
      'auf /data ist kein Platz mehr frei: Platz schaffen; bis dahin werden Nachrichten mit QoS 1 und 2 nicht bestätigt',
    ],
    [
      'a: multiplexer of i2c-1: no answer from 0x70',
      'a: Multiplexer von i2c-1: keine Antwort von 0x70',
    ],
  ])('%s', (english, german) => {
    expect(translate(english)).toBe(german);
  });

  test.each([
    '',
    'nothing is known of this',
    'a: b: c',
    '$& {1} (x) [y'.repeat(3),
    'x'.repeat(5000),
  ])('that is not known stays as it is: %s', (text) => {
    expect(translate(text)).toBe(text);
  });

  test('with values that look like places keeps them', () => {
    expect(translate('no answer from {1} $&')).toBe('keine Antwort von {1} $&');
  });

  test('that is long and hostile takes no long time', () => {
    const hostile = ' has  bits, not : echo  > '.repeat(22);
    const begin = performance.now();
    translate(hostile);
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

test('a sentence that is too long stays as it is: it is not searched for its parts', () => {
  const translate = createSentences({
    ...GERMAN_SENTENCES,
    forms: { 'no … is there': '{1} fehlt' },
  });
  const sentence = (length: number): string => `no ${'x'.repeat(length - 12)} is there`;
  expect(translate(sentence(600))).toBe(`${'x'.repeat(588)} fehlt`);
  expect(translate(sentence(601))).toBe(sentence(601));
});
