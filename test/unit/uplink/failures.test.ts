import { describe, expect, test } from 'vitest';
import {
  blameOf,
  describeEnding,
  type Ending,
  sharedEnding,
} from '../../../src/uplink/failures.ts';

test.each([
  [{ reached: 'socket', refusal: 0x87 }, 'does not let this client in (not authorised)'],
  [
    { reached: 'socket', refusal: 0x9c, serverReference: 'b.example:1883' },
    'says to use another server: b.example:1883',
  ],
  [{ reached: 'socket', refusal: 5 }, 'does not let this client in (not authorised)'],
  [{ reached: 'socket', refusal: 6 }, 'refuses the connection (reason 0x06)'],
  [{ reached: 'session', disconnect: 0xa0 }, 'closed the connection (reason 0xa0)'],
  [{ reached: 'session', disconnect: 0x8e }, 'another client has taken the same client id'],
  [{ reached: 'session', disconnect: 0x8b, reason: 'update' }, 'is shutting down ("update")'],
  [
    { reached: 'nothing', error: { code: 'ENOTFOUND', message: '' } },
    'has a name that is not known',
  ],
  [{ reached: 'socket', silent: true }, 'takes the connection and then never answers CONNECT'],
  [{ reached: 'session', silent: true }, 'has stopped answering'],
] as const)('%j is described as: %s', (ending, words) => {
  expect(describeEnding({ url: 'mqtt://plant', ...ending })).toContain(words);
});

test.each([
  [
    'mqtt://plant:1883 refuses the connection: nothing listens there',
    'plant refuses the connection: nothing listens there',
  ],
  ['mqtts://[::1]:8883 does not answer', '[::1] does not answer'],
  ['mqtt://plant has a name that is not known (DNS)', 'plant has a name that is not known (DNS)'],
  [
    'mqtt://a:1 has a name that could not be looked up (DNS does not answer)',
    'the plant has a name that could not be looked up (DNS does not answer)',
  ],
  ['mqtt://10.0.0.1 is not reachable (no network)', 'the plant is not reachable (no network)'],
  [
    'mqtt://plant:1 refuses the user name or password',
    'mqtt://plant:1 refuses the user name or password',
  ],
  [
    'mqtt://plant:1: takes messages and does not bring them back',
    'mqtt://plant:1: takes messages and does not bring them back',
  ],
  ['the credential plant is not there', 'the credential plant is not there'],
  ['see mqtt://plant:1 does not answer', 'see mqtt://plant:1 does not answer'],
])('of "%s" uplinks with one cause share "%s"', (sentence, shared) => {
  expect(sharedEnding(sentence)).toBe(shared);
});

const error = (code: string, message = '') => ({ error: { code, message } });

describe('an error of the socket or of TLS is described by what is wrong', () => {
  test.each([
    ['ENOTFOUND', 'has a name that is not known (DNS)'],
    ['EAI_AGAIN', 'has a name that could not be looked up (DNS does not answer)'],
    ['ECONNREFUSED', 'refuses the connection: nothing listens there'],
    ['EHOSTUNREACH', 'is not reachable (no route to it)'],
    ['ENETUNREACH', 'is not reachable (no network)'],
    ['ETIMEDOUT', 'does not answer'],
    ['ECONNRESET', 'cut the connection'],
    ['EPIPE', 'cut the connection'],
    ['CERT_HAS_EXPIRED', 'shows a certificate that has expired'],
    ['CERT_NOT_YET_VALID', 'shows a certificate that is not yet valid: is the clock set?'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'shows a certificate for another name'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'shows a certificate that tls.ca has not signed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'shows a certificate that tls.ca has not signed'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'shows a certificate that tls.ca has not signed'],
    ['UNABLE_TO_GET_ISSUER_CERT', 'shows a certificate that tls.ca has not signed'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'shows a certificate that tls.ca has not signed'],
    ['CERT_SIGNATURE_FAILURE', 'shows a certificate whose signature is wrong'],
    ['CERT_REVOKED', 'shows a certificate that was revoked'],
  ])('%s', (code, words) => {
    const ending = { url: 'mqtts://plant', reached: 'socket', ...error(code) } as const;
    expect(describeEnding(ending)).toBe(`mqtts://plant ${words}`);
  });

  test('of TLS with an alert about the certificate of the gateway', () => {
    const message = 'write EPROTO: SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:rec.c:1';
    const code = 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED';
    const ending = (one: ReturnType<typeof error>) =>
      describeEnding({ url: 'mqtts://plant', reached: 'nothing', ...one });
    expect(ending(error(code, 'tlsv13 alert certificate required:rec.c:1'))).toBe(
      'mqtts://plant refuses the certificate of this gateway (certificate required)',
    );
    expect(ending(error('EPROTO', message))).toBe(
      'mqtts://plant does not agree on TLS (unknown ca): is it a port with TLS?',
    );
    expect(ending(error('EPROTO', 'wrong version number'))).toBe(
      'mqtts://plant does not agree on TLS (EPROTO): is it a port with TLS?',
    );
    expect(ending(error('ERR_TLS_INVALID_CONTEXT'))).toContain('does not agree on TLS');
  });
});

describe('an end without a known error', () => {
  test.each<[Omit<Ending, 'url'>, string]>([
    [{ reached: 'nothing', silent: true }, 'mqtt://plant does not answer'],
    [
      { reached: 'session', silent: true, ...error('ETIMEDOUT') },
      'mqtt://plant has stopped answering',
    ],
    [{ reached: 'nothing', ...error('EOTHER', 'odd') }, 'mqtt://plant could not be reached (odd)'],
    [{ reached: 'nothing' }, 'mqtt://plant could not be reached (no reason given)'],
    [
      { reached: 'socket', ...error('EOTHER', 'odd') },
      'mqtt://plant closed the connection instead of answering CONNECT',
    ],
    [{ reached: 'session' }, 'mqtt://plant cut the connection'],
    [{ reached: 'session', ...error('EOTHER', 'odd') }, 'mqtt://plant cut the connection (odd)'],
    [{ reached: 'session', sentence: 'left' }, 'mqtt://plant: left'],
  ])('%j: %s', (ending, words) => {
    expect(describeEnding({ url: 'mqtt://plant', ...ending })).toBe(words);
  });
});

test('what was lost and is back is shared without its times', () => {
  const back = 'connected to mqtt://plant: messages flow again';
  expect(sharedEnding(`${back}; the connection was lost at 2026-01-01T00:00:00.000Z`)).toBe(back);
});

describe('a message in flight has to do with an end', () => {
  test.each<[Omit<Ending, 'url'>, string]>([
    [{ reached: 'session' }, 'possible'],
    [{ reached: 'session', ...error('ECONNRESET') }, 'possible'],
    [{ reached: 'session', ...error('EPIPE') }, 'possible'],
    [{ reached: 'session', ...error('ETIMEDOUT') }, 'none'],
    [{ reached: 'socket' }, 'none'],
    [{ reached: 'nothing' }, 'none'],
    [{ reached: 'session', silent: true }, 'none'],
    [{ reached: 'session', sentence: 'left' }, 'none'],
    [{ reached: 'session', disconnect: 0x81 }, 'message'],
    [{ reached: 'session', disconnect: 0x95 }, 'size'],
    [{ reached: 'session', disconnect: 0x8b }, 'none'],
  ])('%j: %s', (ending, blame) => {
    expect(blameOf({ url: 'mqtt://plant', ...ending })).toBe(blame);
  });
});
