import { describe, expect, test } from 'vitest';
import type { UplinkConfig } from '../../../src/config/schema/uplinks.ts';
import type { Ending } from '../../../src/uplink/failures.ts';
import {
  MQTT_5,
  MQTT_311,
  MQTT_311_BRIDGE,
  ProtocolChoice,
} from '../../../src/uplink/protocol-choice.ts';

const URL = 'mqtt://plant';
const KEEP = { in: 'a', strip: '', to: '', qos: 1, retain: 'keep' } as const;
const choice = (config: Partial<UplinkConfig> = {}): ProtocolChoice =>
  new ProtocolChoice({ in: [], ...config });
const ending = (over: Partial<Ending> = {}): Ending => ({ url: URL, reached: 'socket', ...over });

/** The protocols that are tried at once, each of which ends like this. */
function tried(protocols: ProtocolChoice, end: Ending): unknown[] {
  const all = [];
  for (let more = true; more; ) {
    const protocol = protocols.next(URL);
    all.push(protocol);
    more = protocols.ended(URL, protocol, end);
  }
  return all;
}

describe('without `protocol`', () => {
  test.each([
    ['return code 1', { refusal: 0x01 }],
    ['reason code 0x84', { refusal: 0x84 }],
    ['a closed connection', {}],
    ['a reset connection', { error: { code: 'ECONNRESET', message: '' } }],
    ['a broken pipe', { error: { code: 'EPIPE', message: '' } }],
    ['a closed WebSocket', { reached: 'nothing' as const }],
  ])('%s leads to MQTT 3.1.1 at once', (_name, over) => {
    expect(tried(choice(), ending(over))).toEqual([MQTT_5, MQTT_311]);
    expect(tried(choice({ in: [KEEP] }), ending(over))).toEqual([
      ...[MQTT_5, MQTT_311_BRIDGE, MQTT_311],
    ]);
  });

  test.each([
    [
      'no connection',
      { reached: 'nothing' as const, error: { code: 'ECONNREFUSED', message: '' } },
    ],
    ['no answer', { silent: true }],
    ['a wrong password', { refusal: 0x86 }],
    ['a wrong certificate', { error: { code: 'CERT_HAS_EXPIRED', message: '' } }],
    ['the end of a session', { reached: 'session' as const }],
    ['the end of it by the gateway', { sentence: 'the gateway stops' }],
  ])('%s does not', (_name, over) => {
    expect(tried(choice(), ending(over))).toEqual([MQTT_5]);
  });

  test('a plant that refuses MQTT 5 with a reason is not asked again; one that closed is', () => {
    const protocols = choice();
    expect(protocols.ended(URL, MQTT_5, ending({ refusal: 1 }))).toBe(true);
    protocols.ended(URL, MQTT_311, ending({ reached: 'session' }));
    expect(protocols.next(URL)).toBe(MQTT_311);
    expect(protocols.next('mqtt://other')).toBe(MQTT_5);
    const other = choice();
    expect(other.ended(URL, MQTT_5, ending())).toBe(true);
    other.ended(URL, MQTT_311, ending({ reached: 'session' }));
    expect(other.next(URL)).toBe(MQTT_5);
  });

  test('a plant that refuses all is asked for all again', () => {
    const protocols = choice();
    expect(tried(protocols, ending({ refusal: 1 }))).toEqual([MQTT_5, MQTT_311]);
    expect(tried(protocols, ending({ refusal: 1 }))).toEqual([MQTT_5, MQTT_311]);
  });

  test('a password without a user name is possible only with MQTT 5', () => {
    expect(tried(choice({ password: 'file:x' }), ending())).toEqual([MQTT_5]);
  });

  test('a plant that does not answer a bridge is asked without', () => {
    const protocols = choice({ in: [KEEP], protocol: 4 });
    expect(tried(protocols, ending({ silent: true }))).toEqual([MQTT_311_BRIDGE, MQTT_311]);
  });
});

describe('a protocol that the plant has taken before', () => {
  test.each([
    ['a closed connection', {}],
    ['no answer to a bridge', { silent: true }],
  ])('is left only after %s three times in a row', (_name, over) => {
    const protocols = choice({ in: [KEEP], protocol: 4 });
    for (let round = 0; round < 2; round++) {
      protocols.ended(URL, MQTT_311_BRIDGE, ending({ reached: 'session' }));
      expect(tried(protocols, ending(over))).toEqual([MQTT_311_BRIDGE]);
      expect(tried(protocols, ending(over))).toEqual([MQTT_311_BRIDGE]);
    }
    expect(tried(protocols, ending(over))).toEqual([MQTT_311_BRIDGE, MQTT_311]);
  });

  test('is left at once when the plant refuses it, and at another address', () => {
    const protocols = choice();
    protocols.ended(URL, MQTT_5, ending({ reached: 'session' }));
    expect(protocols.ended('mqtt://other', MQTT_5, ending())).toBe(true);
    expect(protocols.next(URL)).toBe(MQTT_5);
    expect(tried(protocols, ending({ refusal: 1 }))).toEqual([MQTT_5, MQTT_311]);
  });
});

test('an explicit protocol stays', () => {
  expect(tried(choice({ protocol: 5, in: [KEEP] }), ending())).toEqual([MQTT_5]);
  expect(tried(choice({ protocol: 4 }), ending())).toEqual([MQTT_311]);
});
