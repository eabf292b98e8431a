import { expect, test } from 'vitest';
import { describeEnding, sharedEnding } from '../../../src/uplink/failures.ts';

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
])('of "%s" uplinks with one cause share "%s"', (sentence, shared) => {
  expect(sharedEnding(sentence)).toBe(shared);
});
