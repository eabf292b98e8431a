import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  corrected,
  encodeReading,
  type Reading,
  withClockState,
} from '../../../src/driver-kit/reading.ts';

const time = Date.parse('2026-11-20T20:31:00.123Z');
const good: Reading = { sensor: 'temperature', unit: '°C', value: 23.5, quality: 'good', time };
const json = { payload: 'json', boot: 12, seq: 3456 } as const;
const bare = { payload: 'value', boot: 12, seq: 3456 } as const;
const text = (payload: Uint8Array): string => Buffer.from(payload).toString();

test('json has value, unit, quality, time, boot and seq in this order', () => {
  expect(text(encodeReading(good, json))).toBe(
    '{"value":23.5,"unit":"°C","quality":"good","time":"2026-11-20T20:31:00.123Z","boot":12,"seq":3456}',
  );
});

test('a reason stands after the quality', () => {
  const bad = { ...good, value: null, quality: 'bad', reason: 'no answer from 0x48' } as const;
  expect(text(encodeReading(bad, json))).toBe(
    '{"value":null,"unit":"°C","quality":"bad","reason":"no answer from 0x48","time":"2026-11-20T20:31:00.123Z","boot":12,"seq":3456}',
  );
});

test.each([
  [23.5, '23.5'],
  [true, 'true'],
  [false, 'false'],
  [null, 'null'],
  ['running', 'running'],
  ['', '""'],
])('the bare value of %s is %s', (value, expected) => {
  expect(text(encodeReading({ ...good, value }, bare))).toBe(expected);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('%d is bad', (value) => {
  const decoded = JSON.parse(text(encodeReading({ ...good, value }, json)));
  expect(decoded).toMatchObject({
    value: null,
    quality: 'bad',
    reason: `not a finite number: ${value}`,
  });
  expect(text(encodeReading({ ...good, value }, bare))).toBe('null');
});

test('a bad reading never shows a value', () => {
  const bad = { ...good, quality: 'bad', reason: 'stuck' } as const;
  expect(JSON.parse(text(encodeReading(bad, json))).value).toBeNull();
});

test('every number comes back as it went in, and no payload is empty', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const decoded = JSON.parse(text(encodeReading({ ...good, value }, json)));
      expect(decoded.value).toBe(value === 0 ? 0 : value);
      expect(encodeReading({ ...good, value }, bare).length).toBeGreaterThan(0);
    }),
  );
});

test('a reading from before the clock was set gets its right time, once the step is known', () => {
  const payload = Buffer.from(encodeReading(withClockState(good, false), json));
  expect(corrected(payload, () => undefined)).toBeUndefined();
  const hour = (boot: number) => (boot === 12 ? 3_600_000 : undefined);
  expect(String(corrected(payload, hour))).toBe(
    '{"value":23.5,"unit":"°C","quality":"uncertain","reason":"taken before the clock was set, time corrected","time":"2026-11-20T21:31:00.123Z","boot":12,"seq":3456}',
  );
});

test.each([
  ['a good reading', encodeReading(good, json)],
  ['no JSON', Buffer.from('clock not yet set"')],
  ['JSON of another client', Buffer.from('{"said":"clock not yet set","boot":12}')],
  ['nothing', Buffer.alloc(0)],
])('%s is left as it is', (_what, payload) => {
  expect(corrected(Buffer.from(payload), () => 1000)).toBeUndefined();
});
