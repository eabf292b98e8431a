import { expect, test } from 'vitest';
import { LineRate } from '../../../src/uplink/line-rate.ts';

/** A message of so many bytes that is acknowledged after `ms`. */
function acknowledged(rate: LineRate, bytes: number, ms: number): void {
  if (rate.idle) rate.sent(1, 0);
  rate.left(1, bytes, () => ms);
}

test('the budget follows the rate, between 16 KiB and 1 MiB', () => {
  const rate = new LineRate();
  expect([rate.perSecond, rate.budget]).toEqual([undefined, 16_384]);
  acknowledged(rate, 5000, 1000);
  expect([rate.perSecond, rate.budget]).toEqual([5000, 16_384]);
  for (let n = 0; n < 40; n++) acknowledged(rate, 40_000, 1000);
  expect(rate.budget).toBeCloseTo(80_000, -2);
  for (let n = 0; n < 20; n++) acknowledged(rate, 4_000_000, 1000);
  expect(rate.budget).toBe(1_048_576);
});

test('all that was acknowledged while one message was timed counts', () => {
  const rate = new LineRate();
  rate.sent(1, 0);
  rate.left(2, 3000, () => 500);
  expect(rate.perSecond).toBeUndefined();
  rate.left(1, 2000, () => 1000);
  expect(rate.perSecond).toBe(5000);
});

test('an answer is late by the message that is on its way', () => {
  const rate = new LineRate();
  acknowledged(rate, 1000, 200);
  expect(rate.answerMs(10_000)).toBe(200);
  rate.sent(1, 1000);
  expect([rate.answerMs(1100), rate.answerMs(9000)]).toEqual([200, 8000]);
  rate.disconnected();
  expect([rate.idle, rate.answerMs(9000)]).toEqual([true, 0]);
});

test('large messages have more time on a slow line, up to a bound', () => {
  const rate = new LineRate();
  expect([rate.slackMs(0), rate.slackMs(300_000)]).toEqual([0, 52_428.8]);
  acknowledged(rate, 10, 1000);
  expect(rate.slackMs(300_000)).toBe(262_144);
});

test('a few bytes that were answered soon are no measurement', () => {
  const rate = new LineRate();
  acknowledged(rate, 100, 50);
  expect(rate.perSecond).toBeUndefined();
  rate.observe(9000, false);
  rate.observe(5000, false);
  rate.observe(undefined, true);
  acknowledged(rate, 1000, 5);
  expect(rate.perSecond).toBe(5000);
});

test('an acknowledged message replaces what was observed before it, and nothing observed replaces that', () => {
  const rate = new LineRate();
  rate.observe(90_000, false);
  acknowledged(rate, 20_000, 4000);
  rate.observe(70_000, false);
  expect(rate.perSecond).toBe(5000);
});

test('a message that the way has taken whole has the time that it needs at the known rate', () => {
  const rate = new LineRate();
  rate.observe(undefined, true);
  expect(rate.slackMs(900_000)).toBe(52_428.8);
  acknowledged(rate, 20_000, 1000);
  const usual = (2 * 131_072) / 20;
  expect(rate.slackMs(900_000)).toBe(usual);
  rate.observe(undefined, true);
  expect([rate.slackMs(900_000), rate.slackMs(9_000_000)]).toEqual([90_000, 600_000]);
  // The line has become slower than it was.
  rate.observe(5000, false);
  rate.observe(undefined, true);
  expect(rate.slackMs(900_000)).toBe(360_000);
  rate.disconnected();
  expect(rate.slackMs(900_000)).toBe(usual);
  // A late answer to a few bytes says nothing about the bytes a second.
  acknowledged(rate, 1000, 5000);
  rate.observe(undefined, true);
  expect(rate.slackMs(900_000)).toBeLessThan(200_000);
});

test('a short measurement counts less than a long one', () => {
  const rate = new LineRate();
  acknowledged(rate, 900_000, 4500);
  acknowledged(rate, 20_000, 200);
  expect(rate.perSecond).toBeGreaterThan(190_000);
  // What a rate limiter has passed at once is soon outweighed.
  const limited = new LineRate();
  acknowledged(limited, 16_000, 2);
  acknowledged(limited, 16_000, 3200);
  acknowledged(limited, 16_000, 3200);
  expect(limited.perSecond).toBeLessThan(6000);
});
