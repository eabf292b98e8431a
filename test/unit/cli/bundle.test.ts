import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installation } from '../../../src/base/version.ts';

const folder = join(installation, 'dist/program');
const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('the program is in ASCII: V8 would keep its sources with two bytes for each character', () => {
  const others = files.filter((name) => /[^\0-\x7f]/.test(textOf(name)));
  expect(others).toEqual([]);
});

test('what a start does not need is not in the program: texts of zod in other languages, a copy of the streams', () => {
  const all = files.map(textOf).join('');
  expect(all).not.toContain('Saisie invalide');
  expect(all).not.toContain('ERR_STREAM_PREMATURE_CLOSE');
});

test('a place behind an escaped character is found in its source', () => {
  let compared = 0;
  for (const chunk of files.filter((name) => existsSync(join(folder, `${name}.map`)))) {
    const payload = JSON.parse(textOf(`${chunk}.map`));
    const { sources, sourcesContent } = payload;
    const map = new SourceMap(payload);
    for (const [line, text] of textOf(chunk).split('\n').entries()) {
      const first = text.search(/\\u[0-9a-f]{4}/);
      if (first < 0) continue;
      // Names of functions stay in the bundle.
      for (const { 1: found = '', index } of text.slice(first).matchAll(/\bfunction (\w+)\(/g)) {
        const entry = map.findEntry(line, first + index + 'function '.length);
        if (!('originalLine' in entry)) continue;
        const source: string = sourcesContent[sources.indexOf(entry.originalSource)] ?? '';
        const original = source.split('\n')[entry.originalLine]?.slice(entry.originalColumn);
        expect(original?.slice(0, found.length), `${chunk} ${found}`).toBe(found);
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(100);
});
