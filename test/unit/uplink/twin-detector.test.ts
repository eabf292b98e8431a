import { expect, test } from 'vitest';
import { TakeoverPattern } from '../../../src/uplink/twin-detector.ts';

const ending = (url: string) => ({ url, reached: 'session' }) as const;

test('three connections to one address that work and end without a reason are the pattern', () => {
  const pattern = new TakeoverPattern();
  for (const expected of [false, false, true]) {
    pattern.ended(ending('mqtt://a'), true, 5000);
    expect(pattern.suspected).toBe(expected);
  }
  pattern.ended(ending('mqtt://a'), true, 90_000);
  expect(pattern.suspected).toBe(false);
});

test('connections to different addresses are not, nor is one that was ended for a reason', () => {
  const pattern = new TakeoverPattern();
  for (const url of ['mqtt://b', 'mqtt://a', 'mqtt://b', 'mqtt://a', 'mqtt://b']) {
    pattern.ended(ending(url), true, 5000);
  }
  for (let n = 0; n < 5; n++) {
    pattern.ended({ ...ending('mqtt://b'), disconnect: 0x8b }, true, 5000);
    pattern.ended({ ...ending('mqtt://b'), silent: true }, true, 5000);
    pattern.ended(ending('mqtt://b'), false, 5000);
  }
  expect(pattern.suspected).toBe(false);
});
