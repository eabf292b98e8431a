import { expect, test } from 'vitest';
import { circles, longFunctions } from './source-tree.ts';

const body = (lines: number): string => Array(lines).fill('    work();').join('\n');

test('a circle is found over any number of files, once', () => {
  const arrows = ['a b', 'b c', 'c a', 'c d', 'd e'].map((arrow) => {
    const [from = '', to = ''] = arrow.split(' ');
    return { from, to };
  });
  expect(circles(arrows)).toEqual([['a', 'b', 'c']]);
  expect(circles(arrows.slice(1))).toEqual([]);
});

test.each([
  ['a function', `export function f(a: string): string {\n${body(9)}\n}`],
  ['one with parameters over several lines', `function f(\n  a: string,\n): void {\n${body(9)}\n}`],
  ['an arrow function', `const f = async (a: string): Promise<void> => {\n${body(9)}\n};`],
  ['a method', `class A {\n  async #f(a: string): Promise<void> {\n${body(9)}\n  }\n}`],
  ['a constructor', `class A {\n  constructor(a: string) {\n${body(9)}\n  }\n}`],
  ['a function that is handed over', `server.on('x', (a) => {\n${body(9)}\n});`],
])('%s that is too long is found', (_, text) => {
  expect(longFunctions('a.ts', text, 10)).toMatchObject([{ lines: 11, reason: false }]);
  expect(longFunctions('a.ts', text, 11)).toEqual([]);
});

test('a reason beside it is seen', () => {
  const text = `/** Parses x. In one function because the states share four counters. */\nfunction f(\n  a: string,\n): void {\n${body(9)}\n}`;
  expect(longFunctions('a.ts', text, 10)).toMatchObject([{ reason: true }]);
});

test('a long condition or loop is no function', () => {
  expect(longFunctions('a.ts', `  if (a && b(c)) {\n${body(20)}\n  }`, 10)).toEqual([]);
});
