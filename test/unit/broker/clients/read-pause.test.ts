import { beforeEach, describe, expect, test } from 'vitest';
import { ReadPause } from '../../../../src/broker/clients/read-pause.ts';
import type { MemoryBudget } from '../../../../src/broker/messages/memory-budget.ts';
import type { Session } from '../../../../src/broker/messages/session.ts';
import type { PacketReader } from '../../../../src/mqtt/packet-reader.ts';
import { LIMITS } from '../../../support/broker.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import { memoryBudget } from '../../../support/memory.ts';

let transport: FakeTransport;
let memory: MemoryBudget;
let pause: ReadPause;
/** Bytes that the packet reader keeps, and how often it was paused. */
let reader: { keptBytes: number; paused: number; pause(): void };
let client: { session: Session | undefined };

/** A session with so many subscriptions and messages in flight. */
const sessionOf = (subscriptions: number, inflight: number): Session =>
  ({ subscriptions: { size: subscriptions }, inflight }) as unknown as Session;

beforeEach(() => {
  transport = new FakeTransport();
  memory = memoryBudget();
  reader = { keptBytes: 0, paused: 0, pause: () => void reader.paused++ };
  client = { session: undefined };
  pause = new ReadPause(transport, reader as unknown as PacketReader, memory, client);
});

describe('the transport', () => {
  test('is paused by the first reason and resumed when the caller has removed the last', () => {
    pause.add('connect');
    pause.add('disk');
    expect([transport.calls, reader.paused]).toEqual([['pause'], 2]);
    expect(pause.remove('connect')).toBe(false);
    expect(pause.remove('connect')).toBe(false);
    expect([pause.isPaused, pause.has('disk'), pause.has('connect')]).toEqual([true, true, false]);
    // The caller first reads what was kept.
    expect(pause.remove('disk')).toBe(true);
    expect([transport.paused, pause.isPaused]).toEqual([true, false]);
    pause.apply();
    expect(transport.calls).toEqual(['pause', 'resume']);
  });

  test('of a client that may have messages to acknowledge is read on, up to 256 KiB', () => {
    client.session = sessionOf(1, 0);
    pause.add('subscribers');
    expect([transport.paused, pause.isPaused]).toEqual([false, true]);
    reader.keptBytes = 256 * 1024 - 1;
    pause.apply();
    expect(transport.paused).toBe(false);
    reader.keptBytes++;
    pause.apply();
    expect(transport.paused).toBe(true);
    reader.keptBytes = 0;
    pause.apply();
    expect(transport.paused).toBe(false);
  });

  test('is read on up to 16 KiB while all clients keep much', () => {
    client.session = sessionOf(0, 1);
    memory.unfinished = LIMITS.unfinishedMemory / 2 + 1;
    reader.keptBytes = 16 * 1024 - 1;
    pause.add('subscribers');
    expect(transport.paused).toBe(false);
    reader.keptBytes++;
    pause.apply();
    expect(transport.paused).toBe(true);
  });

  test.each([
    ['has no session', undefined],
    ['has nothing to acknowledge', sessionOf(0, 0)],
  ])('of a client that %s is paused at once', (_, session) => {
    client.session = session;
    pause.add('subscribers');
    expect(transport.paused).toBe(true);
  });

  test('is paused for another reason beside the subscribers', () => {
    client.session = sessionOf(1, 1);
    pause.add('subscribers');
    pause.add('disk');
    expect(transport.paused).toBe(true);
    pause.remove('disk');
    expect(transport.paused).toBe(false);
  });
});

test('a CONNECT that is not answered is not the only reason', () => {
  pause.add('connect');
  expect(pause.isPausedAfterConnect).toBe(false);
  pause.add('turn');
  expect(pause.isPausedAfterConnect).toBe(true);
  pause.remove('connect');
  expect(pause.isPausedAfterConnect).toBe(true);
});

describe('after the end of the transport', () => {
  test('only the turn is a reason that stays, and nothing is called on the transport', () => {
    for (const reason of ['connect', 'disk', 'turn'] as const) pause.add(reason);
    transport.calls.length = 0;
    pause.end();
    expect(['connect', 'disk', 'turn'].filter((one) => pause.has(one as 'disk'))).toEqual(['turn']);
    pause.add('disk');
    expect(pause.has('disk')).toBe(false);
    pause.add('connect');
    expect(pause.has('connect')).toBe(true);
    for (const reason of ['connect', 'turn'] as const) pause.remove(reason);
    pause.apply();
    expect([pause.isPaused, transport.calls]).toEqual([false, []]);
  });

  test('it does not wait for a turn that was not asked for', () => {
    pause.add('disk');
    pause.end();
    expect(pause.isPaused).toBe(false);
  });
});
