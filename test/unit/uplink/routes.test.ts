import { expect, test } from 'vitest';
import type { OutRoute } from '../../../src/config/schema/uplink-routes.ts';
import { encodePublish } from '../../../src/mqtt/publish-encoder.ts';
import { EchoGuard } from '../../../src/uplink/echo.ts';
import { describeEnding } from '../../../src/uplink/failures.ts';
import { Routes } from '../../../src/uplink/routes.ts';

const out = (filter: string, to: string): OutRoute => ({
  out: filter,
  to,
  qos: 1,
  retain: 'keep',
  priority: 'normal',
});

test('a topic takes the narrowest route, never back to where it came from, never as the status', () => {
  const routes = new Routes({
    out: [out('#', 'all/'), out('a/#', 'a/'), out('a/b', 'b/')],
    in: [{ in: 'all/set/#', strip: 'all/', to: '', qos: 1, retain: 'clear' }],
    own: ['cell/status'],
  });
  const remote = (topic: string) => routes.out(topic)?.remote.toString();
  expect(['x', 'a', 'a/b', 'a/c', 'set/lamp', 'cell/status', '$SYS/x'].map(remote)).toEqual([
    'all/x',
    'a/a',
    'b/a/b',
    'a/a/c',
    undefined,
    undefined,
    undefined,
  ]);
  expect(routes.in('all/set/lamp')?.local).toBe('set/lamp');
  expect(routes.in('other')).toBeUndefined();
});

test('without a mark one sent message stops one echo, for half a minute', () => {
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

test('a PUBLISH is what section 3.3 of the standards says', () => {
  const packet = {
    qos: 1,
    retain: true,
    dup: true,
    packetId: 0x0102,
    topic: Buffer.from('a/b'),
    body: Buffer.from('__hi'),
    start: 2,
  } as const;
  const hex = (properties: Buffer | undefined) =>
    encodePublish({ ...packet, properties }).toString('hex');
  expect(hex(undefined)).toBe('3b090003612f6201026869');
  expect(hex(Buffer.alloc(0))).toBe('3b0a0003612f620102006869');
});

test.each([
  [{ reached: 'socket', refusal: 0x87 }, 'does not let this client in (not authorised)'],
  [
    { reached: 'socket', refusal: 0x9c, serverReference: 'b.example:1883' },
    'says to use another server: b.example:1883',
  ],
  [{ reached: 'session', disconnect: 0x8e }, 'another client has taken the same client id'],
  [{ reached: 'session', disconnect: 0x8b, reason: 'update' }, 'is shutting down ("update")'],
  [
    { reached: 'nothing', error: { code: 'ENOTFOUND', message: '' } },
    'has a name that is not known',
  ],
  [{ reached: 'socket', silent: true }, 'takes the connection and then never answers CONNECT'],
  [{ reached: 'session', silent: true }, 'has stopped answering'],
] as const)('%j is told as: %s', (ending, words) => {
  expect(describeEnding({ url: 'mqtt://plant', ...ending })).toContain(words);
});
