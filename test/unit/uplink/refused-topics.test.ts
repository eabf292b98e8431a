import { expect, test } from 'vitest';
import { RefusedTopics } from '../../../src/uplink/refused-topics.ts';

let now = 0;
const create = (): RefusedTopics => {
  now = 1000;
  return new RefusedTopics(() => now);
};

test('each refused topic is named, without control characters, until the plant takes it', () => {
  const topics = create();
  expect([topics.sentence, topics.isEmpty]).toEqual([undefined, true]);
  for (const topic of ['p/a.b', 'p/tab\t', 'p/a.b']) topics.refused(topic);
  expect(topics.sentence).toBe(
    'the plant refuses messages on p/tab\\t, p/a.b: they are kept, see cellgate queue list',
  );
  topics.taken('p/tab\t');
  expect(topics.sentence).toContain('on p/a.b:');
  topics.taken('p/a.b');
  expect([topics.sentence, topics.isEmpty]).toEqual([undefined, true]);
});

test('a topic of which nothing was refused for 15 minutes is not named any more', () => {
  const topics = create();
  topics.refused('p/once');
  now += 600_000;
  topics.refused('p/again');
  now += 400_000;
  expect(topics.sentence).toContain('on p/again:');
  now += 900_001;
  expect(topics.sentence).toBeUndefined();
});

test('a sentence names 20 topics and counts the others; a thousand are remembered', () => {
  const topics = create();
  for (let n = 0; n < 1500; n++) topics.refused(`p/${n}.`);
  expect(topics.sentence).toMatch(/on p\/500\., p\/501\., .*p\/519\. and 980 more: they/);
});

test('a long topic is shown with its begin', () => {
  const topics = create();
  topics.refused(`p/${'x'.repeat(60_000)}`);
  expect(topics.sentence).toContain(`p/${'x'.repeat(98)}…:`);
  topics.taken(`p/${'x'.repeat(60_000)}`);
  expect(topics.isEmpty).toBe(true);
});
