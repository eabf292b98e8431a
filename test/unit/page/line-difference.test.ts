import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineDifference } from '../../../src/page/config/line-difference.ts';

/** The difference as text, as `diff` writes it. */
const shown = (before: string, after: string): string[] =>
  lineDifference(before, after).map(
    ({ kind, text }) => `${{ removed: '-', added: '+', same: ' ' }[kind]}${text}`,
  );

test('the same text has no difference', () => {
  expect(lineDifference('a\nb', 'a\nb')).toEqual([]);
});

test('changed, added and removed lines are shown with two lines around them', () => {
  const before = 'one\ntwo\nthree\nfour\nfive\nsix\nseven';
  const after = 'one\ntwo\nthree\n4\nfive\nnew\nsix\nseven';
  expect(shown(before, after)).toEqual([
    ...[' two', ' three', '-four', '+4', ' five', '+new', ' six', ' seven'],
  ]);
  expect(shown('a\nb\nc', 'a\nc')).toEqual([' a', '-b', ' c']);
  expect(shown('a', 'a\nb')).toEqual([' a', '+b']);
  expect(shown('', 'a')).toEqual(['-', '+a']);
});

test('what is kept and added is the new text, what is kept and removed the old one; no line is both', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = lineDifference(`x\ny\n${before}\ny\nx`, `x\ny\n${after}\ny\nx`);
      const without = (kind: string) => lines.filter((one) => one.kind !== kind);
      const textOf = (kept: typeof lines): string => kept.map((one) => one.text).join('\n');
      if (before === after) {
        expect(lines).toEqual([]);
        return;
      }
      expect(`x\ny\n${before}\ny\nx`).toContain(textOf(without('added')));
      expect(`x\ny\n${after}\ny\nx`).toContain(textOf(without('removed')));
      const counts = { added: 0, removed: 0 };
      for (const { kind } of lines) if (kind !== 'same') counts[kind]++;
      const [old, next] = [before.split('\n').length, after.split('\n').length];
      expect(counts.added - counts.removed).toBe(next - old);
    }),
  );
});

test('of two long texts without a common line all is replaced, without comparing each pair', () => {
  const lines = (name: string): string =>
    Array.from({ length: 2100 }, (_, n) => `${name}${n}`).join('\n');
  const difference = lineDifference(`same\n${lines('a')}`, `same\n${lines('b')}`);
  expect(difference.map(({ kind }) => kind)).toEqual([
    'same',
    ...Array(2100).fill('removed'),
    ...Array(2100).fill('added'),
  ]);
});
