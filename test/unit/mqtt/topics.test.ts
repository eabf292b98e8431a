import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  covers,
  filterProblem,
  matches,
  overlaps,
  topicProblem,
} from '../../../src/mqtt/topics.ts';
import { naiveMatch } from '../../support/naive-match.ts';

describe('topic names', () => {
  test.each([
    ['', 'is empty'],
    ['a/#', 'contains + or #'],
    ['a\0b', 'U+0000'],
    ['a\ud800b', 'not valid Unicode'],
    ['ä'.repeat(32_768), 'has 65536 bytes'],
  ])('%j', (topic, problem) => expect(topicProblem(topic)).toContain(problem));

  test.each(['/', 'a', 'a//b', ' ', 'ä'.repeat(32_767), '😀'])('%j is one', (topic) =>
    expect(topicProblem(topic)).toBeUndefined(),
  );
});

describe('topic filters', () => {
  test.each(['#', '+', 'a/#', '+/b/#', '/+', 'a/+/b'])('%s is one', (filter) =>
    expect(filterProblem(filter)).toBeUndefined(),
  );

  test.each(['', 'a#', '#/a', 'a/#/b', 'a+', 'a/+b', 'a\0'])('%j is none', (filter) =>
    expect(filterProblem(filter)).toBeTypeOf('string'),
  );

  test.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1', true],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
    ['sport/#', 'sport', true],
    ['#', 'a/b', true],
    ['sport/tennis/+', 'sport/tennis/player1', true],
    ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/broker', false],
    ['+/monitor/Clients', '$SYS/monitor/Clients', false],
    ['$SYS/#', '$SYS/broker', true],
    ['a', 'a/b', false],
    ['a/b', 'a', false],
  ])('%s and %s: %s', (filter, topic, expected) => expect(matches(filter, topic)).toBe(expected));

  test('a topic matches itself and what its levels are replaced with', () => {
    const level = fc.stringMatching(/^[a-z]{0,3}$/);
    const levels = fc.array(fc.tuple(level, fc.boolean()), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(levels, (pairs) => {
        const topic = pairs.map(([text]) => text).join('/');
        expect(matches(topic, topic)).toBe(true);
        expect(matches(pairs.map(([text, any]) => (any ? '+' : text)).join('/'), topic)).toBe(true);
        expect(matches(`${topic}/#`, topic)).toBe(true);
        expect(matches(`${topic}/x`, topic)).toBe(false);
      }),
    );
  });
});

describe('two filters', () => {
  test.each([
    ['#', 'a/b', true],
    ['a/#', 'a', true],
    ['a/+', 'a/b/c', false],
    ['a/+/c', 'a/b/#', true],
    ['+/b', 'a/+', true],
    ['a/b', 'a/c', false],
    ['a', 'a/b', false],
    ['#', '$SYS/#', false],
    ['+/broker', '$SYS/broker', false],
    ['$SYS/#', '$SYS/+/load', true],
  ])('%s and %s overlap: %s', (a, b, expected) => {
    expect([overlaps(a, b), overlaps(b, a)]).toEqual([expected, expected]);
  });

  test.each([
    ['#', 'a/+/c', true],
    ['a/#', 'a', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a/#', false],
    ['a/+/c', 'a/b/#', false],
    ['a/b', 'a/+', false],
    ['#', '$SYS/#', false],
    ['#', '$SYS/broker', false],
    ['+/broker', '$SYS/broker', false],
    ['$SYS/#', '$SYS/broker', true],
    ['$SYS/#', '#', false],
  ])('%s covers %s: %s', (wide, narrow, expected) => {
    expect(covers(wide, narrow)).toBe(expected);
  });
});

test('long texts between wildcards are compared to their ends', () => {
  const long = 'x'.repeat(40);
  const parts = fc.array(fc.constantFrom(long, `${long}y`, 'a', '', '+'), {
    minLength: 1,
    maxLength: 5,
  });
  const names = fc.array(fc.constantFrom(long, `${long}y`, 'a', ''), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(parts, fc.boolean(), names, (levels, all, topic) => {
      const filter = [...levels, ...(all ? ['#'] : [])].join('/');
      expect(matches(filter, topic.join('/'))).toBe(naiveMatch(filter, topic.join('/')));
      const own = levels.map((each) => (each === '+' ? 'a' : each)).join('/');
      expect(matches(filter, own)).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
