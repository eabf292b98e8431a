import { beforeEach, describe, expect, test } from 'vitest';
import { EchoGuard } from '../../../src/uplink/echo.ts';

let now: number;
let guard: EchoGuard;
beforeEach(() => {
  now = 0;
  guard = new EchoGuard('me', () => now);
});

const sent = (payload: string, topic = 'lamp', again = false): void =>
  guard.sent([topic], Buffer.from(payload), again);
const isEcho = (payload: string, topic = 'lamp', stored = false): boolean =>
  guard.isEcho({ topic, payload: Buffer.from(payload), stored });

describe('without user properties', () => {
  test('one sent message stops one echo, for half a minute', () => {
    sent('on');
    expect(isEcho('on')).toBe(true);
    expect(isEcho('on')).toBe(false);
    sent('on');
    now = 30_001;
    expect(isEcho('on')).toBe(false);
    expect(guard.stopped).toBe(1);
  });

  test('a command is no echo when another one came in between', () => {
    sent('on');
    expect([isEcho('off'), isEcho('on')]).toEqual([false, false]);
  });

  test('equal commands of the cell are all expected, until another message comes', () => {
    for (let n = 0; n < 3; n++) sent('on');
    expect([isEcho('on'), isEcho('on'), isEcho('off'), isEcho('on')]).toEqual([
      ...[true, true],
      ...[false, false],
    ]);
  });

  test('messages come back in their order: what skips one is a command', () => {
    sent('on');
    sent('off');
    expect([isEcho('off'), isEcho('on')]).toEqual([false, false]);
    sent('on');
    sent('off');
    expect([isEcho('on'), isEcho('off')]).toEqual([true, true]);
  });

  test('a message that a later one of the topic has overtaken is not expected 5 s after that', () => {
    sent('on');
    now = 1000;
    sent('off');
    now = 6001;
    expect(isEcho('on')).toBe(false);
    sent('on');
    now = 7000;
    sent('off');
    now = 12_000;
    expect([isEcho('on'), isEcho('off')]).toEqual([true, true]);
  });

  test('topics do not affect each other', () => {
    guard.sent(['lamp', 'other/lamp'], Buffer.from('on'), false);
    expect(isEcho('off', 'other/lamp')).toBe(false);
    expect([isEcho('on', 'third'), isEcho('on', 'lamp')]).toEqual([false, true]);
  });

  test('a message that is sent again is expected once', () => {
    sent('on');
    sent('on', 'lamp', true);
    expect([isEcho('on'), isEcho('on')]).toEqual([true, false]);
    // After a restart only the repetition is known.
    sent('on', 'lamp', true);
    expect(isEcho('on')).toBe(true);
  });

  test('nothing of an earlier session of the plant is expected in a new one', () => {
    sent('on');
    guard.newSession();
    expect(isEcho('on')).toBe(false);
    sent('on');
    expect(isEcho('on')).toBe(true);
  });

  test('what the plant had stored before is no echo, and says nothing about what was sent since', () => {
    sent('on');
    expect([isEcho('on', 'lamp', true), isEcho('off', 'lamp', true)]).toEqual([false, false]);
    expect(isEcho('on')).toBe(true);
  });

  test('at most 10,000 messages are remembered, the latest', () => {
    for (let n = 0; n <= 10_000; n++) sent('on', `t/${n}`);
    expect([isEcho('on', 't/0'), isEcho('on', 't/1')]).toEqual([false, true]);
  });
});

test('with MQTT 5 a message with the name of this gateway is an echo, however old it is', () => {
  const withNames = (names?: string | string[]): boolean =>
    guard.isEcho({
      ...{ topic: 'lamp', payload: Buffer.from('on'), stored: false },
      userProperties: names === undefined ? undefined : { 'cellgate-from': names },
    });
  expect(guard.properties.toString('latin1')).toContain('cellgate-from');
  expect(withNames('me')).toBe(true);
  expect(withNames(['other', 'me'])).toBe(true);
  expect(withNames('other')).toBe(false);
  expect(withNames()).toBe(false);
  expect(guard.stopped).toBe(2);
});
