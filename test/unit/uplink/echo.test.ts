import { expect, test } from 'vitest';
import { EchoGuard } from '../../../src/uplink/echo.ts';

test('without user properties one sent message stops one echo, for half a minute', () => {
  let now = 0;
  const guard = new EchoGuard('me', 4, () => now);
  const on = Buffer.from('on');
  guard.sent('lamp', on);
  expect(guard.isEcho('lamp', Buffer.from('off'), undefined)).toBe(false);
  expect(guard.isEcho('lamp', on, undefined)).toBe(true);
  expect(guard.isEcho('lamp', on, undefined)).toBe(false);
  guard.sent('lamp', on);
  now = 30_001;
  expect(guard.isEcho('lamp', on, undefined)).toBe(false);
  expect(guard.stopped).toBe(1);
});

test('with MQTT 5 a message with the name of this gateway is an echo, however old it is', () => {
  const guard = new EchoGuard('me', 5, () => 0);
  const on = Buffer.from('on');
  expect(guard.properties?.toString('latin1')).toContain('cellgate-from');
  expect(guard.isEcho('lamp', on, { 'cellgate-from': 'me' })).toBe(true);
  expect(guard.isEcho('lamp', on, { 'cellgate-from': ['other', 'me'] })).toBe(true);
  expect(guard.isEcho('lamp', on, { 'cellgate-from': 'other' })).toBe(false);
  expect(guard.isEcho('lamp', on, undefined)).toBe(false);
  expect(guard.stopped).toBe(2);
});
