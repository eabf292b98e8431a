import { expect, test } from 'vitest';
import { VisibleTopics } from '../../../src/page/visible-topics.ts';

function setUp() {
  const subscribed = new Set<string>();
  let calls = 0;
  const topics = new VisibleTopics({
    subscribe: (filters) => {
      calls++;
      for (const filter of filters) subscribed.add(filter);
    },
    unsubscribe: (filters) => {
      calls++;
      for (const filter of filters) subscribed.delete(filter);
    },
  });
  return { topics, subscribed: () => [...subscribed].sort(), calls: () => calls };
}

test('what is on the screen is subscribed, in one request', () => {
  const { topics, subscribed, calls } = setUp();
  for (const topic of ['a', 'b', 'c']) topics.show(topic);
  topics.update(false, 0);
  topics.update(false, 250);
  expect(subscribed()).toEqual(['a', 'b', 'c']);
  expect(calls()).toBe(1);
});

test('what has left the screen is unsubscribed after three seconds, unless it has come back', () => {
  const { topics, subscribed, calls } = setUp();
  for (const topic of ['a', 'b']) topics.show(topic);
  topics.update(false, 0);
  for (const topic of ['a', 'b']) topics.hide(topic);
  topics.update(false, 1000);
  topics.show('b');
  topics.update(false, 3900);
  expect(calls()).toBe(1);
  topics.update(false, 4000);
  expect(subscribed()).toEqual(['b']);
  topics.hide('b');
  topics.update(false, 5000);
  topics.update(false, 7900);
  expect(subscribed()).toEqual(['b']);
  topics.update(false, 8000);
  expect(subscribed()).toEqual([]);
});

test('a topic that is shown twice stays until both have left', () => {
  const { topics, subscribed } = setUp();
  topics.show('a');
  topics.show('a');
  topics.update(false, 0);
  topics.hide('a');
  topics.update(false, 1000);
  topics.update(false, 9000);
  expect(subscribed()).toEqual(['a']);
  topics.hide('a');
  topics.update(false, 10_000);
  topics.update(false, 13_000);
  expect(subscribed()).toEqual([]);
});

test('a page in the background has no topics, and has them again in the foreground', () => {
  const { topics, subscribed } = setUp();
  topics.show('a');
  topics.update(true, 0);
  expect(subscribed()).toEqual([]);
  topics.update(false, 100);
  topics.update(true, 200);
  topics.update(true, 3199);
  expect(subscribed()).toEqual(['a']);
  topics.update(true, 3200);
  expect(subscribed()).toEqual([]);
  topics.show('b');
  topics.update(false, 60_000);
  expect(subscribed()).toEqual(['a', 'b']);
});
