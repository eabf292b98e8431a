import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GERMAN as CONFIG_GERMAN } from '../../../src/page/config/texts-de.ts';
import { ENGLISH as CONFIG_ENGLISH } from '../../../src/page/config/texts-en.ts';
import { CHINESE as CONFIG_CHINESE } from '../../../src/page/config/texts-zh.ts';
import { GERMAN as SENSOR_GERMAN } from '../../../src/page/sensor/texts-de.ts';
import { ENGLISH as SENSOR_ENGLISH } from '../../../src/page/sensor/texts-en.ts';
import { CHINESE as SENSOR_CHINESE } from '../../../src/page/sensor/texts-zh.ts';
import { GERMAN } from '../../../src/page/texts-de.ts';
import { ENGLISH } from '../../../src/page/texts-en.ts';
import { CHINESE } from '../../../src/page/texts-zh.ts';
import { REPOSITORY } from '../../support/gateway.ts';

type Texts = Readonly<Record<string, string>>;
/** The tables of the page, and of the sections that have their texts for themselves; each with the English one. */
const LANGUAGES: readonly (readonly [string, Texts, Texts])[] = [
  ['English', ENGLISH, ENGLISH],
  ['German', GERMAN, ENGLISH],
  ['Chinese', CHINESE, ENGLISH],
  ['English, Config', CONFIG_ENGLISH, CONFIG_ENGLISH],
  ['German, Config', CONFIG_GERMAN, CONFIG_ENGLISH],
  ['Chinese, Config', CONFIG_CHINESE, CONFIG_ENGLISH],
  ['English, sensor', SENSOR_ENGLISH, SENSOR_ENGLISH],
  ['German, sensor', SENSOR_GERMAN, SENSOR_ENGLISH],
  ['Chinese, sensor', SENSOR_CHINESE, SENSOR_ENGLISH],
];
const keys = [ENGLISH, CONFIG_ENGLISH, SENSOR_ENGLISH].flatMap((texts) => Object.keys(texts));
const placesOf = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

describe.each(LANGUAGES)('the texts in %s', (name, texts, english) => {
  const own = Object.keys(english);
  test('are there for every key, none is empty, and none is left in English', () => {
    expect(Object.keys(texts)).toEqual(own);
    const faulty = own.filter((key) => {
      const [text = '', first = ''] = [texts[key], english[key]];
      // A sentence is never the same in two languages; a word such as "live" may be.
      return (
        text.trim() === '' || (!name.startsWith('English') && first.includes(' ') && text === first)
      );
    });
    expect(faulty).toEqual([]);
  });

  test('have the same places to fill in', () => {
    const wrong = own.filter(
      (key) => String(placesOf(texts[key]!)) !== String(placesOf(english[key]!)),
    );
    expect(wrong).toEqual([]);
  });
});

test('the page has no text outside the table: no sentence stands in its code, and every key is used', () => {
  const folder = join(REPOSITORY, 'src/page');
  const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) =>
        name.endsWith('.ts') && !/(^|\/)(texts|sentences|gateway|plant|hardware)-/.test(name),
    )
    .map((name) => readFileSync(join(folder, name), 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ''))
    .join('\n');
  const quoted = [...code.matchAll(/'([^'\n]*)'/g)].map(([, text = '']) => text);
  // A sentence begins with a capital letter and has several words.
  const sentences = quoted.filter((text) => /^[A-Z][a-z]+ [a-z]/.test(text));
  expect(sentences).toEqual([]);
  const inCode = (key: string): boolean =>
    quoted.includes(key) || quoted.includes(key.replace(/(One|Other)$/, ''));
  const byStatus = ['connecting', 'live', 'lost', 'proving', 'stopped', 'down', 'connected'];
  const bySeverity = ['low', 'medium', 'high', 'critical'];
  const known = [...byStatus, ...bySeverity];
  expect(keys.filter((key) => !known.includes(key) && !inCode(key))).toEqual([]);
});
