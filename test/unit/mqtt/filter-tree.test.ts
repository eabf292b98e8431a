import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FilterTree } from '../../../src/mqtt/filter-tree.ts';
import { covers, overlaps } from '../../../src/mqtt/topics.ts';

const level = fc.constantFrom('a', 'b', '', '+', '$x', '$share');
const filter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => (all ? [...levels, '#'] : levels).join('/'));
const filters = fc.array(fc.oneof(filter, fc.constant('#')), { maxLength: 12 });

test('finds the filters that cover or overlap another one, each as often as it was added', () => {
  fc.assert(
    fc.property(filters, filter, (known, wanted) => {
      const tree = new FilterTree<number>();
      for (const [place, each] of known.entries()) tree.add(each, place);
      const places = (isFound: (each: string) => boolean): number[] =>
        [...known.keys()].filter((place) => isFound(known[place]!));
      const ascending = (found: number[]): number[] => found.sort((a, b) => a - b);
      expect(ascending(tree.covering(wanted))).toEqual(places((each) => covers(each, wanted)));
      expect(ascending(tree.overlapping(wanted))).toEqual(places((each) => overlaps(each, wanted)));
    }),
    { numRuns: 3000 },
  );
});

test('a filter of as many levels as fit', () => {
  const tree = new FilterTree<string>();
  const deep = `${'a/'.repeat(32_000)}a`;
  tree.add(deep, 'deep');
  tree.add(`${'+/'.repeat(32_000)}+`, 'wild');
  tree.add('a/#', 'all');
  expect(tree.covering(deep).sort()).toEqual(['all', 'deep', 'wild']);
  expect(tree.overlapping(deep).sort()).toEqual(['all', 'deep', 'wild']);
});
