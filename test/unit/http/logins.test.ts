import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import type { Identity } from '../../../src/access/admission.ts';
import { attach, cookieOf, Logins } from '../../../src/http/logins.ts';

const HOUR = 3600_000;
const anna: Identity = { user: 'anna', proof: 'hash' };

function setUp() {
  const clock = { now: 0 };
  const removed = new Set<string | undefined>();
  const logins = new Logins({
    now: () => clock.now,
    isAdmitted: ({ user }) => !removed.has(user),
  });
  return { clock, logins, removed };
}

/** A request with this header, which has come on this port. */
function request(cookie: string | undefined, localPort = 8080, isSecure = false): IncomingMessage {
  const socket = isSecure ? { localPort, encrypted: true } : { localPort };
  return { headers: { cookie }, socket } as unknown as IncomingMessage;
}
const withToken = (token: string): IncomingMessage => request(`cellgate-8080=${token}`);
const openSocket = (): Duplex => new Duplex({ read: () => undefined });

test('a token is 256 random bits, and gives the login of its user', () => {
  const { logins } = setUp();
  const token = logins.begin(anna);
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect(logins.of(withToken(token))?.identity).toBe(anna);
  expect(logins.begin(anna)).not.toBe(token);
});

test('what is not exactly a token gives no login', () => {
  const { logins } = setUp();
  const token = logins.begin(anna);
  const other = `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`;
  for (const wrong of [
    ...[undefined, '', 'cellgate-8080', 'cellgate-8080=', `cellgate-8080=${other}`],
    ...[`cellgate-8080=${token}x`, `cellgate-8080=${token.slice(1)}`, `x=${token}`],
    ...[
      `cellgate-8080=${token.repeat(300)}`,
      `cellgate-8080="${token}"`,
      `cellgate-80800=${token}`,
    ],
    ...[`cellgate-8080=${'%00'.repeat(20)}`, `; ;=;cellgate-8080=;`, 'cellgate-8080=__proto__'],
  ]) {
    expect(logins.of(request(wrong))).toBeUndefined();
  }
  // Among the cookies of other programs on this host.
  expect(logins.of(request(`a=b; cellgate-8081=x; cellgate-8080=${token};c`))).toBeDefined();
  expect(logins.of(request(`cellgate-8080=${token}`, 8081))).toBeUndefined();
  expect(logins.of(request(`cellgate-8080=${token}`, 8080, true))).toBeUndefined();
});

test('the cookie is for this gateway only, over TLS for nothing else', () => {
  const plain = cookieOf('t', request(undefined));
  expect(plain).toBe('cellgate-8080=t; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict');
  expect(cookieOf('t', request(undefined, 443, true))).toBe(
    '__Host-cellgate-443=t; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure',
  );
  expect(cookieOf('', request(undefined))).toContain('cellgate-8080=; Path=/; Max-Age=0;');
});

test('a login ends when it was not used for twelve hours; an open page uses it', () => {
  const { clock, logins } = setUp();
  const [idle, used, open] = [logins.begin(anna), logins.begin(anna), logins.begin(anna)];
  const socket = openSocket();
  attach(logins.of(withToken(open))!, socket);
  clock.now = 11 * HOUR;
  expect(logins.of(withToken(used))).toBeDefined();
  logins.sweep();
  clock.now = 13 * HOUR;
  logins.sweep();
  expect(logins.size).toBe(2);
  expect(logins.of(withToken(idle))).toBeUndefined();
  expect(logins.of(withToken(used))).toBeDefined();
  expect(logins.of(withToken(open))).toBeDefined();
  expect(socket.destroyed).toBe(false);
});

test('a login ends after thirty days, with its connections', () => {
  const { clock, logins } = setUp();
  const token = logins.begin(anna);
  const socket = openSocket();
  attach(logins.of(withToken(token))!, socket);
  for (; clock.now <= 30 * 24 * HOUR; clock.now += HOUR) logins.sweep();
  expect(logins.size).toBe(1);
  logins.sweep();
  expect(logins.of(withToken(token))).toBeUndefined();
  expect([logins.size, socket.destroyed]).toEqual([0, true]);
});

test('the end of a login closes its connections, not those of another one of the same user', () => {
  const { logins } = setUp();
  const [first, second] = [logins.begin(anna), logins.begin(anna)];
  const [mine, mineToo, other] = [openSocket(), openSocket(), openSocket()];
  attach(logins.of(withToken(first))!, mine);
  attach(logins.of(withToken(first))!, mineToo);
  attach(logins.of(withToken(second))!, other);
  logins.end(withToken(first));
  expect([mine, mineToo, other].map(({ destroyed }) => destroyed)).toEqual([true, true, false]);
  expect(logins.of(withToken(first))).toBeUndefined();
  expect(logins.of(withToken(second))).toBeDefined();
});

test('a user who would no longer be admitted has no login', () => {
  const { logins, removed } = setUp();
  const token = logins.begin(anna);
  removed.add('anna');
  expect(logins.of(withToken(token))).toBeUndefined();
  removed.clear();
  expect(logins.of(withToken(token))).toBeUndefined();
});

test('10,000 logins are bounded; one user ends only logins of this user', () => {
  const { clock, logins } = setUp();
  const other = logins.begin({ user: 'other', proof: 'hash' });
  const tokens: string[] = [];
  for (clock.now = 1; clock.now <= 10_000; clock.now++) tokens.push(logins.begin(anna));
  expect(logins.size).toBe(51);
  expect(logins.of(withToken(other))).toBeDefined();
  expect(logins.of(withToken(tokens.at(-1)!))).toBeDefined();
  expect(logins.of(withToken(tokens[0]!))).toBeUndefined();
  for (let i = 0; i < 10_000; i++, clock.now++) logins.begin({ user: `u${i}`, proof: 'hash' });
  expect(logins.size).toBe(1000);
});

test('the least recently used login ends for another one', () => {
  const { clock, logins } = setUp();
  const first = logins.begin(anna);
  clock.now = 1;
  const second = logins.begin(anna);
  for (let i = 0; i < 48; i++) logins.begin(anna);
  clock.now = 2;
  expect(logins.of(withToken(first))).toBeDefined();
  logins.begin(anna);
  expect(logins.of(withToken(first))).toBeDefined();
  expect(logins.of(withToken(second))).toBeUndefined();
});
