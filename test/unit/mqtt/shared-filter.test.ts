import { describe, expect, test } from 'vitest';
import {
  isShared,
  shareNumber,
  shareProblem,
  topicFilterOf,
} from '../../../src/mqtt/shared-filter.ts';

describe('the filter of a shared subscription', () => {
  test.each([
    ['$share/g/t', 't'],
    ['$share/g//t', '/t'],
    ['$share/g/#', '#'],
    ['$share/g/a/+/b', 'a/+/b'],
    ['$share/g/$SYS/#', '$SYS/#'],
  ])('%s matches what %s matches', (filter, topicFilter) => {
    expect(isShared(filter)).toBe(true);
    expect(shareProblem(filter)).toBeUndefined();
    expect(topicFilterOf(filter)).toBe(topicFilter);
  });

  test.each(['$share', '$shared/g/t', 'share/g/t', '/$share/g/t'])(
    '%s is a plain filter',
    (filter) => {
      expect(isShared(filter)).toBe(false);
      expect(topicFilterOf(filter)).toBe(filter);
    },
  );

  test.each([
    ['$share/', 'has no share name'],
    ['$share//t', 'has no share name'],
    ['$share/g', 'has no topic filter'],
    ['$share/g/', 'has no topic filter'],
    ['$share/+/t', 'has a wildcard in its share name'],
    ['$share/a#/t', 'has a wildcard in its share name'],
  ])('%s %s', (filter, problem) => {
    expect(shareProblem(filter)).toBe(problem);
  });
});

test('the number of a group never changes, because it is on disk', () => {
  expect(shareNumber('$share/g/t/#')).toBe(shareNumber('$share/g/t/#'));
  expect(shareNumber('$share/g/t')).not.toBe(shareNumber('$share/h/t'));
  expect(shareNumber('$share/g/t/#')).toBe(115212601583423);
});
