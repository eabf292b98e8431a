import { EventEmitter } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import {
  applyConfig,
  type ConfigGateway,
  readConfig,
} from '../../../src/page/config/config-requests.ts';

afterEach(() => void vi.useRealTimers());

const json = (value: unknown, status = 200): Response => Response.json(value, { status });
const TRIED = { trial: 't1', trialMs: 20_000 };

/** A gateway that answers by path; its new connections end with the event. */
function gatewayOf(answers: Readonly<Record<string, () => Response>>, event = 'connect') {
  const asked: string[] = [];
  const ended: boolean[] = [];
  const gateway = {
    async send(path: string, query: string[][], body?: string) {
      asked.push(
        `${body === undefined ? 'GET' : 'POST'} ${path} ${new URLSearchParams(query as [string, string][])}`,
      );
      return (answers[path] ?? (() => new Response('', { status: 500 })))();
    },
    openClient() {
      const client = Object.assign(new EventEmitter(), {
        end: (force: boolean) => ended.push(force),
      });
      if (event !== '') setTimeout(() => client.emit(event, new Error('refused')), 0);
      return client;
    },
  } as unknown as ConfigGateway;
  return { gateway, asked, ended };
}

test('a text that lets the page connect again is kept, and only then', async () => {
  const { gateway, asked, ended } = gatewayOf({
    'api/config/apply': () => json(TRIED),
    'api/config/keep': () => json({ ok: true }),
  });
  const tried = vi.fn();
  expect(await applyConfig(gateway, 'text', 'hash', tried)).toEqual({});
  expect(tried).toHaveBeenCalledTimes(1);
  expect(asked).toEqual(['POST api/config/apply base=hash', 'POST api/config/keep trial=t1']);
  expect(ended).toEqual([true]);
});

test.each(['error', 'close'])(
  'one with which the connection ends with %s is taken back with its reason',
  async (event) => {
    const { gateway, asked, ended } = gatewayOf(
      {
        'api/config/apply': () => json(TRIED),
        'api/config/take-back': () => json({ isTakenBack: true, reason: 'because' }),
      },
      event,
    );
    vi.useFakeTimers();
    const outcome = applyConfig(gateway, 'text', 'hash', () => undefined);
    // At once, and not when the time for an answer is over.
    await vi.advanceTimersByTimeAsync(100);
    vi.useRealTimers();
    expect(asked).toHaveLength(2);
    expect(await outcome).toEqual({ isTakenBack: true, reason: 'because' });
    expect(asked[1]).toMatch(/^POST api\/config\/take-back trial=t1&reason=the\+page\+could/);
    expect(ended).toEqual([true]);
  },
);

test('one with which a new connection has no answer is taken back', async () => {
  vi.useFakeTimers();
  const { gateway, asked } = gatewayOf(
    {
      'api/config/apply': () => json(TRIED),
      'api/config/take-back': () => json({ isTakenBack: true }),
    },
    '',
  );
  const outcome = applyConfig(gateway, 'text', 'hash', () => undefined);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await outcome).toEqual({ isTakenBack: true });
  expect(asked).toHaveLength(2);
});

test('one that is refused is not tried; the reason is shown', async () => {
  const tried = vi.fn();
  const refused = gatewayOf({ 'api/config/apply': () => json({ reason: 'no' }, 422) });
  expect(await applyConfig(refused.gateway, 'text', 'hash', tried)).toEqual({ reason: 'no' });
  const plain = gatewayOf({ 'api/config/apply': () => new Response('Busy.\n', { status: 503 }) });
  expect(await applyConfig(plain.gateway, 'text', 'hash', tried)).toEqual({ reason: 'Busy.' });
  expect(tried).not.toHaveBeenCalled();
  expect([...refused.asked, ...plain.asked]).toHaveLength(2);
});

test('one whose end is not known is said to be taken back by the gateway itself', async () => {
  const unknown = { isUnconfirmed: true, trialMs: 20_000 };
  const answers = { 'api/config/apply': () => json(TRIED) };
  const lost = gatewayOf(answers);
  expect(await applyConfig(lost.gateway, 'text', 'hash', () => undefined)).toEqual(unknown);
  const gone = gatewayOf({
    ...answers,
    'api/config/keep': () => {
      throw new TypeError('fetch failed');
    },
  });
  expect(await applyConfig(gone.gateway, 'text', 'hash', () => undefined)).toEqual(unknown);
  const failed = gatewayOf({ ...answers, 'api/config/keep': () => json({ reason: 'x' }, 422) });
  expect(await applyConfig(failed.gateway, 'text', 'hash', () => undefined)).toEqual({
    reason: 'x',
  });
});

test.each([401, 403])('the file of a user without the right (%i) is denied', async (status) => {
  const { gateway } = gatewayOf({ 'api/config': () => new Response('', { status }) });
  expect(await readConfig(gateway)).toBe('denied');
});

test('a file that can not be read is an error with its reason', async () => {
  const { gateway } = gatewayOf({ 'api/config': () => new Response('gone\n', { status: 503 }) });
  await expect(readConfig(gateway)).rejects.toThrow('gone');
});
