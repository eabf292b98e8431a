import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GERMAN } from '../../../src/page/texts-de.ts';
import { ENGLISH } from '../../../src/page/texts-en.ts';
import { CHINESE } from '../../../src/page/texts-zh.ts';
import { REPOSITORY } from '../../support/gateway.ts';

const LANGUAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  English: ENGLISH,
  German: GERMAN,
  Chinese: CHINESE,
};
const keys = Object.keys(ENGLISH);
const placesOf = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

describe.each(Object.entries(LANGUAGES))('the texts in %s', (name, texts) => {
  test('are there for every key, none is empty, and none is left in English', () => {
    expect(Object.keys(texts)).toEqual(keys);
    const faulty = keys.filter((key) => {
      const [text = '', english = ''] = [texts[key], ENGLISH[key as keyof typeof ENGLISH]];
      // A sentence is never the same in two languages; a word such as "live" may be.
      return (
        text.trim() === '' || (name !== 'English' && english.includes(' ') && text === english)
      );
    });
    expect(faulty).toEqual([]);
  });

  test('have the same places to fill in', () => {
    const wrong = keys.filter(
      (key) =>
        String(placesOf(texts[key]!)) !== String(placesOf(ENGLISH[key as keyof typeof ENGLISH])),
    );
    expect(wrong).toEqual([]);
  });
});

test('the page has no text outside the table: no sentence stands in its code, and every key is used', () => {
  const folder = join(REPOSITORY, 'src/page');
  const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('texts-'))
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
