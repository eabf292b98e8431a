import { expect, test } from 'vitest';
import {
  describeNearlyAll,
  LimitTroubles,
  mostOf,
} from '../../../../src/broker/stats/limit-troubles.ts';

test('a limit that was reached is a trouble for a minute, and says who has the most', () => {
  let now = 0;
  const limits = new LimitTroubles(() => now);
  const troubles = () =>
    limits.troubles(
      (key) => (key === 'connectionsPerAddress' ? undefined : 100),
      (key) => (key === 'subscriptions' ? { name: 'hmi', has: 60 } : undefined),
    );
  expect(troubles()).toEqual([]);
  limits.reached('subscriptions');
  limits.reached('connectionsPerAddress');
  expect(troubles()).toEqual([
    'the limit broker.limits.subscriptions is reached (100); hmi has the most: 60',
    'the limit broker.limits.connectionsPerAddress is reached',
  ]);
  now = 60_000;
  limits.reached('subscriptions');
  now = 60_001;
  expect(troubles()).toHaveLength(1);
  now = 120_001;
  expect(troubles()).toEqual([]);
});

test('the most is the first of those with the highest number, and nobody where there is none', () => {
  const all = [
    ['a', 1],
    ['b', 3],
    ['c', 3],
  ] as const;
  const of = (some: readonly (readonly [string, number])[]) =>
    mostOf(
      some,
      ([name]) => name,
      ([, number]) => number,
    );
  expect(of(all)).toEqual({ name: 'b', has: 3 });
  expect(of([['a', 0]])).toBeUndefined();
});

test('from four fifths of the sessions on, their number and who has the most is a sentence', () => {
  const holder = () => ({ name: '192.0.2.9', has: 70 });
  expect(describeNearlyAll(79, 100, holder)).toBeUndefined();
  expect(describeNearlyAll(80, 100, holder)).toBe(
    '80 of 100 sessions are in use (broker.limits.sessions); 192.0.2.9 has the most: 70',
  );
  expect(describeNearlyAll(1, 1, () => undefined)).toBe(
    '1 of 1 sessions are in use (broker.limits.sessions)',
  );
});
