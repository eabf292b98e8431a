import { describe, expect, test } from 'vitest';
import {
  connackText,
  disconnectText,
  hexCode,
  isError,
  permanentRefusal,
  REASON_CODES,
} from '../../../src/mqtt/reason-codes.ts';

/** MQTT 5, table 2-6; of the three names of 0x00 the first. */
const TABLE_2_6: readonly (readonly [number, string])[] = [
  [0, 'Success'],
  [1, 'Granted QoS 1'],
  [2, 'Granted QoS 2'],
  [4, 'Disconnect with Will Message'],
  [16, 'No matching subscribers'],
  [17, 'No subscription existed'],
  [24, 'Continue authentication'],
  [25, 'Re-authenticate'],
  [128, 'Unspecified error'],
  [129, 'Malformed Packet'],
  [130, 'Protocol Error'],
  [131, 'Implementation specific error'],
  [132, 'Unsupported Protocol Version'],
  [133, 'Client Identifier not valid'],
  [134, 'Bad User Name or Password'],
  [135, 'Not authorized'],
  [136, 'Server unavailable'],
  [137, 'Server busy'],
  [138, 'Banned'],
  [139, 'Server shutting down'],
  [140, 'Bad authentication method'],
  [141, 'Keep Alive timeout'],
  [142, 'Session taken over'],
  [143, 'Topic Filter invalid'],
  [144, 'Topic Name invalid'],
  [145, 'Packet Identifier in use'],
  [146, 'Packet Identifier not found'],
  [147, 'Receive Maximum exceeded'],
  [148, 'Topic Alias invalid'],
  [149, 'Packet too large'],
  [150, 'Message rate too high'],
  [151, 'Quota exceeded'],
  [152, 'Administrative action'],
  [153, 'Payload format invalid'],
  [154, 'Retain not supported'],
  [155, 'QoS not supported'],
  [156, 'Use another server'],
  [157, 'Server moved'],
  [158, 'Shared Subscriptions not supported'],
  [159, 'Connection rate exceeded'],
  [160, 'Maximum connect time'],
  [161, 'Subscription Identifiers not supported'],
  [162, 'Wildcard Subscriptions not supported'],
];

/** Codes that CONNACK may have [MQTT 5, table 3-1]. */
const CONNACK = [
  0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99,
  0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
];
/** Codes that DISCONNECT from a server may have [MQTT 5, table 3-10]. */
const DISCONNECT = [
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
  0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
];
const ALL = Array.from({ length: 256 }, (_, code) => code);

describe('the table of reason codes', () => {
  test('has the codes and names of the standard, each once and in its order', () => {
    expect(REASON_CODES.map(({ code, name }) => [code, name])).toEqual(TABLE_2_6);
  });

  test('has the five return codes of MQTT 3.1.1', () => {
    const returnCodes = REASON_CODES.flatMap(({ returnCode, name }) =>
      returnCode === undefined ? [] : [[returnCode, name] as const],
    );
    expect(returnCodes.sort(([one], [other]) => one - other)).toEqual([
      [1, 'Unsupported Protocol Version'],
      [2, 'Client Identifier not valid'],
      [3, 'Server unavailable'],
      [4, 'Bad User Name or Password'],
      [5, 'Not authorized'],
    ]);
  });

  test('has texts only for packets that may carry the code', () => {
    const errors = ALL.filter(isError);
    expect(CONNACK).toEqual(expect.arrayContaining(errors.filter(connackText)));
    expect(DISCONNECT).toEqual(expect.arrayContaining(ALL.filter(disconnectText)));
  });
});

test('every code from 0x80 is an error', () => {
  expect(ALL.filter(isError)).toEqual(ALL.slice(0x80));
});

test.each([
  [1, 'does not speak this version of MQTT: try protocol: 4'],
  [2, 'refuses the client id'],
  [3, 'says that it is not available'],
  [4, 'refuses the user name or password'],
  [5, 'does not let this client in (not authorised)'],
  [6, undefined],
  [0x10, undefined],
  [0x80, 'refuses the connection without a reason'],
  [0x87, 'does not let this client in (not authorised)'],
  [0x83, undefined],
])('CONNACK with %i: %s', (code, text) => {
  expect(connackText(code)).toBe(text);
});

test.each([
  [0x00, 'closed the connection in order'],
  [0x87, 'closed the connection: not authorised'],
  [0x8b, 'is shutting down'],
  [0x04, undefined],
  [0xff, undefined],
])('DISCONNECT with %i: %s', (code, text) => {
  expect(disconnectText(code)).toBe(text);
});

test('a message is refused permanently with these codes, with all others perhaps temporarily', () => {
  const permanent = ALL.filter((code) => permanentRefusal(code) !== undefined);
  expect(permanent).toEqual([0x87, 0x90, 0x91, 0x95, 0x99, 0x9a, 0x9b]);
  expect(permanent.map(permanentRefusal)).toEqual([
    'not authorised',
    'topic name invalid',
    'packet identifier in use',
    'packet too large',
    'payload format invalid',
    'retain not supported',
    'QoS not supported',
  ]);
});

test('a code is shown with two hex digits', () => {
  expect([0, 0x87].map(hexCode)).toEqual(['0x00', '0x87']);
});
