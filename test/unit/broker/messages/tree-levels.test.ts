import { describe, expect, test } from 'vitest';
import {
  filterPath,
  hasDeepWildcard,
  topicPath,
  WILDCARDS,
} from '../../../../src/broker/messages/tree-levels.ts';

const levels = (count: number, name = 'a'): string[] => Array.from({ length: count }, () => name);

describe('a topic', () => {
  test.each([1, 2, 127, 128])('of %s levels has a node for each', (count) => {
    expect(topicPath(levels(count).join('/'))).toEqual(levels(count));
  });

  test('has empty levels too', () => {
    expect(topicPath('/a//')).toEqual(['', 'a', '', '']);
  });

  test.each([129, 130, 500])('of %s levels has the rest in one piece', (count) => {
    const names = Array.from({ length: count }, (_, n) => `level${n}`);
    const path = topicPath(names.join('/'));
    expect(path).toHaveLength(129);
    expect(path.slice(0, 128)).toEqual(names.slice(0, 128));
    expect(path[128]).toBe(names.slice(128).join('/'));
  });
});

describe('a filter', () => {
  test('with wildcards in its first levels has the path of a topic', () => {
    for (const filter of [
      '+/a/#',
      [...levels(127), '#'].join('/'),
      [...levels(128), 'b'].join('/'),
    ]) {
      expect(filterPath(filter)).toEqual(topicPath(filter));
      expect(hasDeepWildcard(filterPath(filter))).toBe(false);
    }
  });

  test('whose rest is # alone has a node for that', () => {
    const path = filterPath([...levels(128), '#'].join('/'));
    expect([path[128], hasDeepWildcard(path)]).toEqual(['#', false]);
  });

  test.each(['+', '+/b', 'b/#', 'b/+/c'])(
    'whose rest is %s has the level of such rests',
    (rest) => {
      const path = filterPath([...levels(128), rest].join('/'));
      expect(path.slice(128)).toEqual([WILDCARDS, rest]);
      expect(hasDeepWildcard(path)).toBe(true);
    },
  );
});
