import { expect, test } from 'vitest';
import { CommitPacer } from '../../../../src/store/commit/commit-pacer.ts';

function setUp(isStream = false) {
  let now = 1000;
  const pace = new CommitPacer(
    () => now,
    () => isStream,
  );
  return {
    pace,
    pass: (ms: number) => {
      now += ms;
    },
    /** One message comes; gives how long its commit waits. */
    arrive: (bytes = 100): number => {
      pace.arrived(bytes);
      return pace.delay;
    },
  };
}

/** Uses up what may begin at once. */
function spend({ pace, arrive }: ReturnType<typeof setUp>): void {
  for (let i = 0; i < 8; i++) {
    expect(arrive()).toBe(0);
    pace.began();
  }
}

test('now and then a message is committed at once', () => {
  const { pace, pass, arrive } = setUp();
  for (let i = 0; i < 100; i++) {
    expect(arrive()).toBe(0);
    pace.began();
    pass(40);
  }
});

test('a stream of single messages shares a commit each 40 ms', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  let commits = 0;
  for (let ms = 0; ms < 4000; ms++) {
    if (arrive() === 0) {
      commits++;
      pace.began();
    }
    pass(1);
  }
  expect(commits).toBeLessThan(4000 / 40 + 10);
});

test('a stream whose publishers are known not to wait shares a commit each 100 ms from its beginning', () => {
  const all = setUp(true);
  const { pace, pass, arrive } = all;
  spend(all);
  let commits = 0;
  for (let ms = 0; ms < 1000; ms += 2) {
    if (arrive() === 0) {
      commits++;
      pace.began();
    }
    pass(2);
  }
  expect(commits).toBeGreaterThan(8);
  expect(commits).toBeLessThan(1000 / 100 + 2);
});

test('what fills its pages does not wait', () => {
  const all = setUp();
  const { arrive } = all;
  spend(all);
  expect(arrive()).toBeGreaterThan(0);
  for (let i = 0; i < 62; i++) arrive();
  expect(arrive()).toBe(0);
  all.pace.began();
  expect(arrive(20_000)).toBe(0);
});

test('a client that waits for each acknowledgement is held up by few commits', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  let waited = 0;
  for (let i = 0; i < 5000; i++) {
    const delay = arrive();
    waited += delay;
    pass(delay + 1);
    pace.began();
  }
  expect(waited).toBeLessThan(1000);
});

test('a stream that begins after such a client is found out', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  for (let i = 0; i < 2000; i++) {
    pass(arrive() + 1);
    pace.began();
  }
  let commits = 0;
  for (let ms = 0; ms < 5000; ms++) {
    if (arrive() === 0) {
      commits++;
      pace.began();
    }
    pass(1);
  }
  expect(commits).toBeLessThan(700);
});

test('a stream that lasts shares a commit each 100 ms, until nothing comes in the second half of a wait', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  const stream = (ms: number): number => {
    let commits = 0;
    for (let at = 0; at < ms; at += 5) {
      if (arrive() === 0) {
        commits++;
        pace.began();
      }
      pass(5);
    }
    return commits;
  };
  stream(2000);
  expect(stream(10_000)).toBeLessThan(105);
  arrive();
  pass(100);
  pace.began();
  pass(100);
  expect(arrive()).toBeLessThanOrEqual(40);
});

test('a stream that TCP holds back until the acknowledgement shares commits too', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  let commits = 0;
  let published = 0;
  let sent = 0;
  // 500 messages a second; what is published while a message is not acknowledged arrives after its commit, of 3 ms.
  for (let ms = 0; ms < 20_000; ) {
    let delay = arrive();
    for (sent++; sent < published; sent++) delay = arrive();
    pass(delay);
    pace.began();
    pass(3);
    ms += delay + 3;
    published = Math.max(Math.floor(ms / 2), sent + 1);
    commits++;
  }
  expect(commits).toBeLessThan(20 * 80);
});

test('a client with a window of 20 is held up by few commits, also where one with a window of 1 was before', () => {
  const all = setUp();
  const { pace, pass, arrive } = all;
  spend(all);
  let waited = 0;
  const commit = (messages: number): void => {
    let delay = 0;
    for (let n = 0; n < messages; n++) delay = arrive();
    waited += delay;
    pass(delay + 1);
    pace.began();
  };
  for (let n = 0; n < 2000; n++) commit(1);
  waited = 0;
  for (let n = 0; n < 5000; n++) commit(20);
  expect(waited).toBeLessThan(2500);
});
