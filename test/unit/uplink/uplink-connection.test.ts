import type { IPublishPacket } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { UplinkConfig } from '../../../src/config/schema/uplinks.ts';
import { describeEnding } from '../../../src/uplink/failures.ts';
import type { PlantClientEvents, PlantConnection } from '../../../src/uplink/plant-client.ts';
import type { Sender } from '../../../src/uplink/sender.ts';
import type { ThrottledLog } from '../../../src/uplink/throttled-log.ts';
import { UplinkConnection } from '../../../src/uplink/uplink-connection.ts';
import { createManualClock, type ManualClock, settle } from '../../support/manual-clock.ts';

const TIMERS = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;
beforeEach(() => void vi.useFakeTimers({ toFake: [...TIMERS] }));
afterEach(() => void vi.useRealTimers());

/** One connection, whose plant does what the test says. */
class FakePlant implements PlantConnection {
  receiveMaximum = 65_535;
  maximumPacketSize = Number.POSITIVE_INFINITY;
  maximumQos = 2 as const;
  retainAvailable = true;
  congested = false;
  isDown = false;
  /** Filters that the plant refuses, and topics. */
  refused: readonly string[] = [];
  readonly published: [topic: string, payload: string][] = [];
  readonly url: string;
  readonly events: PlantClientEvents;

  constructor(url: string, events: PlantClientEvents) {
    this.url = url;
    this.events = events;
  }

  write(): void {}

  async subscribe(subscriptions: readonly { readonly filter: string }[]) {
    return subscriptions.map(({ filter }) => filter).filter((one) => this.refused.includes(one));
  }

  async unsubscribe(): Promise<void> {}

  async publish(topic: string, payload: string): Promise<void> {
    if (this.refused.includes(topic)) throw new Error('Not authorized');
    this.published.push([topic, payload]);
  }

  giveUp(sentence?: string): void {
    this.end(sentence);
  }

  /** The connection ends. */
  end(sentence = 'ended'): void {
    if (this.isDown) return;
    this.isDown = true;
    this.events.down({ url: this.url, reached: 'session', sentence });
  }

  async close(): Promise<void> {
    this.published.push(['', 'closed']);
  }

  /** The plant accepts the connection. */
  async accept(resumed = false): Promise<void> {
    this.events.up(resumed);
    await settle();
  }

  /** The latest probe comes back. */
  async returnProbe(): Promise<void> {
    const probe = this.published.findLast(([topic]) => topic === 'cell/status/probe');
    const packet = { payload: Buffer.from(probe?.[1] ?? '') } as unknown as IPublishPacket;
    await this.events.message('cell/status/probe', packet);
  }
}

let clock: ManualClock;
let plants: FakePlant[];
let connection: UplinkConnection;
let overdue: number;
let senderCalls: string[];
const plant = (): FakePlant => plants.at(-1)!;

async function start(over: Partial<UplinkConfig> = {}): Promise<void> {
  clock = createManualClock();
  [plants, overdue, senderCalls] = [[], 0, []];
  const config = {
    urls: ['mqtt://first'],
    status: 'cell/status',
    probe: 30_000,
    keepalive: 10_000,
    reconnectMax: 60_000,
    in: [],
    ...over,
  } as unknown as UplinkConfig;
  const states = createMemoryState();
  connection = new UplinkConnection({
    config,
    clock,
    log: { log() {}, stop() {} } as unknown as ThrottledLog,
    sender: {
      connect: async (_: unknown, resumed: boolean) => void senderCalls.push(`connect ${resumed}`),
      disconnect: () => void senderCalls.push('disconnect'),
      overdue: () => overdue,
    } as unknown as Sender,
    state: () => states.of('uplink'),
    load: async () => (_config, url, events) => {
      const opened = new FakePlant(url, events);
      plants.push(opened);
      return opened;
    },
    fault: (_what, error) => {
      throw error;
    },
    receive: async () => undefined,
    changed: () => undefined,
    random: () => 0.5,
  });
  connection.start();
  await settle();
}

/** Time goes by, for the pauses and for the timers of a connection. */
async function advance(ms: number): Promise<void> {
  await clock.advance(ms);
  vi.advanceTimersByTime(ms);
  await settle();
}

const urls = (): string[] => plants.map(({ url }) => url);
const state = (): string => connection.status.state;

describe('a connection', () => {
  test('is `connected` when the probe has come back', async () => {
    await start();
    expect(state()).toBe('connecting');
    await plant().accept(true);
    expect(connection.status).toMatchObject({
      state: 'proving',
      reason: 'mqtt://first: connected, waiting for the probe to come back',
    });
    expect(plant().published[0]).toEqual(['cell/status', 'online']);
    expect(senderCalls).toEqual(['connect true']);
    await plant().returnProbe();
    expect(connection.status).toMatchObject({ state: 'connected', reason: null });
    await advance(29_999);
    expect(plant().published).toHaveLength(2);
    await advance(1);
    expect(plant().published).toHaveLength(3);
  });

  test('is `connected` without a probe when the plant has granted the routes', async () => {
    await start({ probe: 0 });
    await plant().accept();
    expect(state()).toBe('connected');
  });

  test('ends if the probe does not come back', async () => {
    await start();
    await plant().accept();
    await advance(9999);
    expect(state()).toBe('proving');
    await advance(1);
    expect(connection.status).toMatchObject({
      state: 'down',
      reason: describeEnding({
        url: 'mqtt://first',
        reached: 'session',
        sentence:
          'takes messages and does not bring them back: the probe on cell/status/probe did not return',
      }),
    });
    expect(senderCalls.at(-1)).toBe('disconnect');
  });

  test('ends if the plant acknowledges nothing', async () => {
    await start({ probe: 0 });
    await plant().accept();
    await advance(1000);
    expect(state()).toBe('connected');
    overdue = 7;
    await advance(1000);
    expect(connection.status.reason).toMatch(/has acknowledged none of 7 messages for 20 s$/);
  });

  test('asks every 20 s for what the plant has refused', async () => {
    await start();
    plant().refused = ['cell/status', 'cell/status/probe'];
    await plant().accept();
    expect(connection.status).toMatchObject({
      state: 'connected',
      reason:
        'mqtt://first does not take cell/status: Not authorized; mqtt://first refuses the probe on cell/status/probe',
    });
    plant().refused = [];
    await advance(20_000);
    expect(connection.status.reason).toBeNull();
    expect(plant().published.map(([topic]) => topic)).toEqual(['cell/status', 'cell/status/probe']);
  });
});

describe('after a failure', () => {
  test('the other addresses are tried at once, then the first after a pause', async () => {
    await start({ urls: ['mqtt://first', 'mqtt://second'] });
    plant().end();
    await settle();
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
    plant().end();
    await settle();
    expect(urls()).toHaveLength(2);
    // 1 s plus half of the range to 3 s.
    await advance(2000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://first']);
    expect(connection.status.reconnects).toBe(2);
  });

  test('of a working connection the first address is next, after a pause', async () => {
    await start({ urls: ['mqtt://first', 'mqtt://second', 'mqtt://third'] });
    plant().end();
    await settle();
    await plant().accept();
    await advance(500);
    plant().end();
    await settle();
    expect(urls()).toHaveLength(2);
    await advance(2000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://first']);
  });

  test('the pauses grow, and start again after a connection of a minute', async () => {
    await start({ probe: 0 });
    const pauseAfterEnd = async (): Promise<number> => {
      const before = [plants.length, clock.monotonic()] as const;
      plant().end();
      await settle();
      while (plants.length === before[0]) await advance(250);
      return clock.monotonic() - before[1];
    };
    const pauses = [await pauseAfterEnd(), await pauseAfterEnd(), await pauseAfterEnd()];
    expect(pauses).toEqual([2000, 3500, 5750]);
    await plant().accept();
    await advance(59_999);
    expect(await pauseAfterEnd()).toBeGreaterThan(5750);
    await plant().accept();
    await advance(60_000);
    expect(await pauseAfterEnd()).toBe(2000);
  });
});

test('a connection that has ended leaves no timer and sends no more probes', async () => {
  await start();
  const first = plant();
  await first.accept();
  await first.returnProbe();
  first.end();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
  const { length } = first.published;
  await advance(60_000);
  expect(first.published).toHaveLength(length);
});

describe('a stop', () => {
  test('publishes `offline` and ends the connection', async () => {
    await start({ probe: 0 });
    await plant().accept();
    await connection.stop();
    expect(plant().published.slice(1)).toEqual([
      ['cell/status', 'offline'],
      ['', 'closed'],
    ]);
    expect([plant().isDown, state()]).toEqual([true, 'stopped']);
  });

  test('ends a pause between two attempts', async () => {
    await start();
    plant().end();
    await settle();
    await connection.stop();
    expect([plants.length, state()]).toEqual([1, 'stopped']);
  });
});
