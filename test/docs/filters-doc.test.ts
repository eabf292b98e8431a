import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { createMemoryState } from '../../src/base/state.ts';
import { filterSchema } from '../../src/config/schema/filters.ts';
import { createFilterChain } from '../../src/sensors/filters.ts';
import type { QualifiedSample } from '../../src/sensors/qualified-sample.ts';

const page = readFileSync('docs/filters.md', 'utf8');
const pictures = [...page.matchAll(/```\n(filters: .*)\nin: +(.*)\nout: +(.*)\n```/g)].map(
  ([, filters = '', given = '', expected = '']) => ({
    filters,
    given: given.trim().split(/ +/),
    expected: expected.trim().split(/ +/),
  }),
);

function sampleOf(word: string): QualifiedSample {
  if (word === '!') return { value: null, quality: 'bad', reason: 'gone' };
  return { value: parse(word) as number | boolean, quality: 'good' };
}

function wordOf(sample: QualifiedSample | undefined): string {
  if (sample === undefined) return '·';
  if (sample.quality === 'bad') return '!';
  const { value } = sample;
  const shown = typeof value === 'number' ? Number(value.toFixed(6)) : value;
  return `${sample.quality === 'uncertain' ? '~' : ''}${shown}`;
}

test.each(pictures)('$filters', ({ filters, given, expected }) => {
  const { filters: list } = parse(filters, { stringKeys: true }) as { filters: unknown[] };
  const configs = list.map((one) => filterSchema.parse(one));
  const chain = createFilterChain(configs, createMemoryState().of('sensor'));
  const out = given.map((word, second) => {
    const now = second * 1000;
    const due = chain.due();
    const late = due !== undefined && due <= now ? chain.tick(now) : undefined;
    return wordOf((word === '·' ? undefined : chain.push(sampleOf(word), now)) ?? late);
  });
  expect(out).toEqual(expected);
});

test('every filter has its picture', () => {
  const shown = pictures.map(({ filters }) => filters).join();
  const missing = Object.keys(filterSchema.in.shape).filter((name) => !shown.includes(`${name}:`));
  expect(missing).toEqual([]);
});
