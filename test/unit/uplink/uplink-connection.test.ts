import type { IPublishPacket } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { UplinkConfig } from '../../../src/config/schema/uplinks.ts';
import { describeEnding } from '../../../src/uplink/failures.ts';
import type { LossLog } from '../../../src/uplink/loss-log.ts';
import type { PlantConnection } from '../../../src/uplink/plant-client.ts';
import type { PlantClientEvents } from '../../../src/uplink/plant-client-events.ts';
import { PlantSessions } from '../../../src/uplink/plant-sessions.ts';
import {
  MQTT_5,
  MQTT_311,
  MQTT_311_BRIDGE,
  type PlantProtocol,
} from '../../../src/uplink/protocol-choice.ts';
import type { Sender } from '../../../src/uplink/sender.ts';
import type { EdgeEvents, EdgeNode } from '../../../src/uplink/sparkplug/edge-node.ts';
import type { ThrottledLog } from '../../../src/uplink/throttled-log.ts';
import { TopicChanges } from '../../../src/uplink/topic-changes.ts';
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
  /** Whether each probe comes back by itself. */
  echoes = false;
  readonly protocol: PlantProtocol;
  /** Filters that the plant refuses, and topics. */
  refused: readonly string[] = [];
  readonly published: [topic: string, payload: string][] = [];
  readonly url: string;
  readonly events: PlantClientEvents;

  constructor(url: string, events: PlantClientEvents, protocol: PlantProtocol) {
    this.protocol = protocol;
    this.url = url;
    this.events = events;
  }

  received = 0;
  /** Bytes that have moved to the plant. */
  moved = { delivered: 0, waiting: 0 };

  async progress() {
    return this.moved;
  }

  write(): void {}

  ping(): void {}

  async subscribe(subscriptions: readonly { readonly filter: string }[]) {
    return subscriptions.map(({ filter }) => filter).filter((one) => this.refused.includes(one));
  }

  async unsubscribe(): Promise<void> {}

  async publish(topic: string, payload: string): Promise<void> {
    if (this.refused.includes(topic)) throw new Error('Not authorized');
    this.published.push([topic, payload]);
    if (this.echoes && topic.endsWith('/probe')) await this.returnProbe();
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

  /** The plant closes the connection. */
  endUnexplained(): void {
    this.isDown = true;
    this.events.down({ url: this.url, reached: 'session' });
  }

  async close(): Promise<void> {
    this.published.push(['', 'closed']);
    this.end('closed');
  }

  /** The plant accepts the connection. */
  async accept(resumed = false): Promise<void> {
    this.events.up(resumed);
    await settle();
  }

  /** The latest probe comes back. */
  async returnProbe(retain = false, changed?: string): Promise<void> {
    const probe = this.published.findLast(([topic]) => topic.endsWith('/probe'));
    const payload = Buffer.from(probe?.[1] ?? '');
    const packet = { payload, retain } as unknown as IPublishPacket;
    await this.events.message(changed ?? probe?.[0] ?? '', packet);
  }
}

let clock: ManualClock;
let plants: FakePlant[];
let connection: UplinkConnection;
let sessions: PlantSessions;
let received: string[];
let overdue: number;
let inFlight: number;
let senderCalls: string[];
let endedByMessage: boolean;
const plant = (): FakePlant => plants.at(-1)!;
const KEEP = { in: 'a', strip: '', to: '', qos: 1, retain: 'keep' } as const;

async function start(over: Partial<UplinkConfig> = {}, edge?: EdgeNode): Promise<void> {
  clock = createManualClock();
  [plants, overdue, inFlight, senderCalls, endedByMessage] = [[], 0, 0, [], false];
  const config = {
    urls: ['mqtt://first'],
    clientId: 'cell-plant',
    status: 'cell/status',
    probe: 30_000,
    keepalive: 10_000,
    reconnectMax: 60_000,
    in: [],
    ...over,
  } as unknown as UplinkConfig;
  const state = createMemoryState().of('uplink');
  sessions = new PlantSessions({
    config,
    state: () => state,
    setNow: (key, value) => state.set(key, value),
    fresh: new Set(),
  });
  received = [];
  connection = new UplinkConnection({
    config,
    edge,
    clock,
    log: { log() {}, stop() {} } as unknown as ThrottledLog,
    losses: { lost() {}, back: () => false, stop() {} } as unknown as LossLog,
    sender: {
      connect: async (_: unknown, resumed: boolean) => void senderCalls.push(`connect ${resumed}`),
      disconnect: () => void senderCalls.push('disconnect'),
      openMessages: [],
      drain: async () => void senderCalls.push('drain'),
      get inFlight() {
        return inFlight;
      },
      pump: () => undefined,
      flight: {
        slackMs: 0,
        overdue: () => overdue,
        observe: () => undefined,
        get unacknowledgedMs() {
          return overdue > 0 ? 1e6 : 0;
        },
      },
      messageProblem: undefined,
      get endedByMessage() {
        return endedByMessage;
      },
    } as unknown as Sender,
    sessions,
    topics: new TopicChanges(config),
    load: async () => (_config, url, events, protocol) => {
      const opened = new FakePlant(url, events, protocol);
      plants.push(opened);
      return opened;
    },
    fault: (_what, error) => {
      throw error;
    },
    receive: async (topic) => void received.push(topic),
    newSession: () => senderCalls.push('new session'),
    congested: () => undefined,
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

  test('is `connected` when the probe has come back under another topic, and names it', async () => {
    await start({ status: 'line4.2/status' });
    await plant().accept();
    await plant().returnProbe(false, 'line4/2/status/probe');
    await settle();
    expect(connection.status).toMatchObject({
      state: 'connected',
      reason:
        'mqtt://first changes topics, "." to "/" and "*" to "+": line4.2/status becomes line4/2/status',
    });
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

  test('tells of a new session before anything is sent in it', async () => {
    await start();
    await plant().accept(false);
    expect(senderCalls).toEqual(['new session', 'connect false']);
  });

  test('ends if the plant acknowledges nothing', async () => {
    await start({ probe: 0 });
    await plant().accept();
    await advance(1000);
    expect(state()).toBe('connected');
    overdue = 7;
    // As long as the plant takes the bytes of a message, it is on its way.
    for (let n = 1; n <= 30; n++) {
      plant().moved = { delivered: n * 1000, waiting: 100_000 };
      await advance(1000);
    }
    expect(state()).toBe('connected');
    await advance(19_000);
    expect(state()).toBe('connected');
    await advance(2000);
    expect(connection.status.reason).toMatch(/has acknowledged none of 7 messages for 20 s$/);
  });

  test('ends when a ping is not answered and no bytes move', async () => {
    await start();
    await plant().accept();
    plant().received = 100;
    await advance(9000);
    plant().events.silent();
    expect(plant().isDown).toBe(false);
    await advance(2000);
    plant().events.silent();
    expect(plant().isDown).toBe(true);
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
    await plant().returnProbe();
    await advance(500);
    plant().end();
    await settle();
    expect(urls()).toHaveLength(2);
    await advance(2000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://first']);
  });

  test('of an address that answered CONNECT and brought no probe back, the next address is tried', async () => {
    await start({ urls: ['mqtt://first', 'mqtt://second'] });
    await plant().accept();
    await advance(10_000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
  });

  test('of a working connection to a cluster the next node is next, which stays and is not left for the first one', async () => {
    await start({
      urls: ['mqtt://first', 'mqtt://second', 'mqtt://third'],
      cluster: true,
      probe: 0,
    });
    await plant().accept();
    plant().end();
    await advance(2000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
    await plant().accept(true);
    // Two connections with one client id would end each other.
    await advance(600_000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
    expect(connection.status.state).toBe('connected');
    plant().end();
    await advance(2000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://third']);
  });

  test('of a connection that a message has ended before the probe came back, the first address is next, after a short pause', async () => {
    await start({ urls: ['mqtt://first', 'mqtt://second'] });
    endedByMessage = true;
    for (let n = 1; n <= 5; n++) {
      await plant().accept();
      plant().endUnexplained();
      await settle();
      expect(urls()).toHaveLength(n);
      await advance(1500);
    }
    expect(new Set(urls())).toEqual(new Set(['mqtt://first']));
    // It says nothing about an address that is not reached.
    plant().events.down({ url: 'mqtt://first', reached: 'nothing', silent: true });
    await settle();
    expect(plant().url).toBe('mqtt://second');
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
    const pauses: number[] = [];
    for (let end = 0; end < 8; end++) pauses.push(await pauseAfterEnd());
    expect(pauses.slice(0, 3)).toEqual([2000, 2000, 2000]);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    const longest = pauses.at(-1)!;
    expect(longest).toBeGreaterThan(3000);
    await plant().accept();
    await advance(59_999);
    expect(await pauseAfterEnd()).toBeGreaterThan(longest);
    await plant().accept();
    await advance(60_000);
    expect(await pauseAfterEnd()).toBe(2000);
  });
});

describe('on another address than the first', () => {
  /** Connected to the second address; the next connection is to the first. */
  async function startOnSecond(over: Partial<UplinkConfig> = {}): Promise<FakePlant> {
    await start({ urls: ['mqtt://first', 'mqtt://second'], ...over });
    plant().end();
    await settle();
    const second = plant();
    second.echoes = true;
    await second.accept();
    return second;
  }

  test('the first is taken when it answers CONNECT and sends a message back, and not before', async () => {
    const second = await startOnSecond();
    await advance(59_999);
    expect(urls()).toHaveLength(2);
    await advance(1);
    const check = plant();
    expect(check.url).toBe('mqtt://first');
    await check.accept();
    expect([second.isDown, state()]).toEqual([false, 'connected']);
    // Nothing is sent on it but the probe: it is not `online` there yet.
    expect(check.published.map(([topic]) => topic)).toEqual(['cell/status/probe']);
    expect(senderCalls).toEqual(['disconnect', 'new session', 'connect false']);
    await check.returnProbe();
    await settle();
    expect(check.published.at(-1)).toEqual(['', 'closed']);
    expect(second.isDown).toBe(true);
    expect(senderCalls.slice(3)).toEqual(['drain', 'disconnect']);
    // At once, without a pause.
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://first', 'mqtt://first']);
  });

  test('a first one that is silent is reported, and the connection that works stays', async () => {
    const second = await startOnSecond();
    for (const step of ['CONNECT', 'the probe']) {
      await advance(60_000);
      const check = plant();
      expect(check.url).toBe('mqtt://first');
      if (step === 'CONNECT') check.end('does not answer');
      else {
        await check.accept();
        await advance(10_000);
      }
      await settle();
      expect(check.isDown).toBe(true);
      expect(second.isDown).toBe(false);
      expect(connection.status).toMatchObject({
        state: 'connected',
        url: 'mqtt://second',
        reason: expect.stringMatching(/^mqtt:\/\/first.*; mqtt:\/\/second is used$/),
      });
    }
  });

  test('commands that the first one has kept are received during the check', async () => {
    await startOnSecond();
    await advance(60_000);
    await plant().accept(true);
    const packet = { payload: Buffer.from('on') } as unknown as IPublishPacket;
    await plant().events.message('plant/set/lamp', packet);
    // The proof of a session is no command.
    await plant().events.message('cell/status/probe/0123abcd', packet);
    expect(received).toEqual(['plant/set/lamp']);
  });

  test('a session that the first one has lost is known as lost before it is used', async () => {
    await startOnSecond();
    const known = { asked: ['x'], granted: ['x 1'], proof: 'p', proven: true, tries: 0, open: [] };
    sessions.set('mqtt://first', known);
    await advance(60_000);
    await plant().accept(false);
    expect(sessions.of('mqtt://first')).toMatchObject({ asked: ['x'], granted: [], proven: false });
  });

  test('the first is checked with the protocol that it takes', async () => {
    const second = await startOnSecond({ in: [KEEP] });
    await advance(60_000);
    for (const [protocol, refusal] of [
      [MQTT_5, 1],
      [MQTT_311_BRIDGE, undefined],
    ] as const) {
      expect([plant().url, plant().protocol]).toEqual(['mqtt://first', protocol]);
      plant().isDown = true;
      plant().events.down({ url: 'mqtt://first', reached: 'socket', ...(refusal && { refusal }) });
      await settle();
    }
    expect([plant().url, plant().protocol]).toEqual(['mqtt://first', MQTT_311]);
    expect([second.isDown, state()]).toEqual([false, 'connected']);
    await plant().accept();
    await plant().returnProbe();
    await settle();
    // A refusal by code is remembered; a closed connection may have had another cause.
    expect(plants.slice(-2).map(({ protocol }) => protocol)).toEqual([MQTT_311, MQTT_311_BRIDGE]);
  });

  test('the retained probe of a check as a bridge is deleted', async () => {
    await startOnSecond({ protocol: 4, in: [KEEP] });
    await advance(60_000);
    const check = plant();
    expect(check.protocol).toBe(MQTT_311_BRIDGE);
    await check.accept();
    await check.returnProbe(true);
    await settle();
    expect(check.published.slice(-2)).toEqual([
      ['cell/status/probe', ''],
      ['', 'closed'],
    ]);
  });

  test('its end ends the check too', async () => {
    const second = await startOnSecond();
    await advance(60_000);
    const check = plant();
    await check.accept();
    second.end();
    await settle();
    expect(check.isDown).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what is in flight', () => {
  test('belongs to the session of one address: it is sent again from the beginning at another one that has a session too', async () => {
    await start({ urls: ['mqtt://first', 'mqtt://second'], probe: 0 });
    await plant().accept(true);
    plant().end();
    await settle();
    await advance(2000);
    await plant().accept(true);
    plant().end();
    await settle();
    await advance(5000);
    plant().end();
    await settle();
    expect(plant().url).toBe('mqtt://second');
    await plant().accept(true);
    plant().end();
    await settle();
    await advance(10_000);
    expect(plant().url).toBe('mqtt://first');
    await plant().accept(true);
    expect(senderCalls.filter((each) => each !== 'disconnect')).toEqual([
      // Nothing is known about the first connection.
      ...['new session', 'connect false'],
      'connect true',
      ...['new session', 'connect false'],
      ...['new session', 'connect false'],
    ]);
  });
});

describe('another gateway', () => {
  test('with the same topics is reported at its second probe, and forgotten 10 s after its last', async () => {
    await start();
    const probes = () => plant().published.filter(([topic]) => topic === 'cell/status/probe');
    const seen = (id: string) =>
      plant().events.message('cell/status/probe', {
        payload: Buffer.from(id),
      } as unknown as IPublishPacket);
    await plant().accept();
    await plant().returnProbe();
    await seen('other/1');
    expect(connection.status.reason).toBeNull();
    // It is answered, so that the other one finds out too.
    await advance(1000);
    expect(probes()).toHaveLength(2);
    await plant().returnProbe();
    await seen('other/2');
    expect(connection.status).toMatchObject({
      state: 'connected',
      reason: expect.stringMatching(/another gateway uses cell\/status there too.*own cell name/),
    });
    await advance(9999);
    expect(connection.status.reason).not.toBeNull();
    await advance(1);
    expect(connection.status.reason).toBeNull();
    expect(plant().published.at(-1)).toEqual(['cell/status', 'online']);
  });

  test('with the same client id is supposed when three connections end without a reason', async () => {
    await start();
    const lose = async (waiting: number): Promise<string | null> => {
      await plant().accept(true);
      await plant().returnProbe();
      inFlight = waiting;
      plant().endUnexplained();
      await settle();
      const { reason } = connection.status;
      const before = plants.length;
      while (plants.length === before) await advance(1000);
      return reason;
    };
    // A message that was on its way may be the reason.
    const supposed = /is another gateway connected with the client id cell-plant\?/;
    for (const waiting of [1, 1, 1, 0, 0]) {
      const reason = await lose(waiting);
      expect(reason).toMatch(/^mqtt:\/\/first cut the connection/);
      expect(reason).not.toMatch(supposed);
    }
    expect(await lose(0)).toMatch(supposed);
    // It shows while the connection works, and ends when one has lasted.
    plant().echoes = true;
    await plant().accept(true);
    expect(connection.status).toMatchObject({
      state: 'connected',
      reason: expect.stringMatching(supposed),
    });
    await advance(89_999);
    expect(connection.status.reason).toMatch(supposed);
    await advance(1);
    expect(connection.status.reason).toBeNull();
    plant().endUnexplained();
    await settle();
    expect(connection.status.reason).toBe('mqtt://first cut the connection');
  });
});

describe('the protocol', () => {
  test('is MQTT 3.1.1 at once for a plant that refuses MQTT 5, without a failure', async () => {
    await start();
    plant().isDown = true;
    plant().events.down({ url: 'mqtt://first', reached: 'socket', refusal: 1 });
    await settle();
    expect(plants.map(({ protocol }) => protocol)).toEqual([MQTT_5, MQTT_311]);
    expect(connection.status).toMatchObject({
      state: 'connecting',
      reconnects: 0,
      protocol: 'MQTT 3.1.1 (the plant does not take MQTT 5)',
    });
    await plant().accept();
    await plant().returnProbe();
    expect(connection.status).toMatchObject({ state: 'connected', reason: null });
    plant().end();
    await advance(2000);
    expect(plants.map(({ protocol }) => protocol)).toEqual([MQTT_5, MQTT_311, MQTT_311]);
  });

  test('of a bridge keeps the retain flag when the probe comes back with it', async () => {
    await start({ protocol: 4, in: [KEEP] });
    expect(plant().protocol).toBe(MQTT_311_BRIDGE);
    await plant().accept();
    expect(connection.keepsRetain).toBe(false);
    await plant().returnProbe(true);
    expect(connection.keepsRetain).toBe(true);
    // The probe is deleted at the plant.
    expect(plant().published.at(-1)).toEqual(['cell/status/probe', '']);
    plant().end();
    await advance(2000);
    await plant().accept();
    await plant().returnProbe(false);
    expect(connection.keepsRetain).toBe(false);
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
    expect(clock.sleeping).toBe(0);
  });

  test('waits one second for a plant that does not close the connection', async () => {
    await start({ probe: 0 });
    await plant().accept();
    plant().close = () => new Promise(() => undefined);
    const stopped = connection.stop();
    await clock.advance(999);
    expect([plant().isDown, state()]).toEqual([false, 'connected']);
    await clock.advance(1);
    await stopped;
    expect([plant().isDown, state(), clock.sleeping]).toEqual([true, 'stopped', 0]);
  });

  test('ends a pause between two attempts', async () => {
    await start();
    plant().end();
    await settle();
    await connection.stop();
    expect([plants.length, state()]).toEqual([1, 'stopped']);
  });
});

describe('an edge node of Sparkplug', () => {
  /** What is called of the node, and what it says to the connection. */
  function createEdge() {
    const calls: string[] = [];
    const said: EdgeEvents[] = [];
    let leftForHost = false;
    const edge = {
      prepare: async () => void calls.push('prepare'),
      will: { topic: 'death', payload: Buffer.alloc(0), qos: 1, retain: false },
      up: async (_plant: unknown, events: EdgeEvents) => void said.push(events),
      down: (sent: boolean) => void calls.push(`down ${sent}`),
      receive: async (topic: string) => void calls.push(topic),
      answered: () => void calls.push('answered'),
      offline: async () => void calls.push('offline'),
      get leftForHost() {
        return leftForHost;
      },
    } as unknown as EdgeNode;
    const leave = (): void => {
      leftForHost = true;
      plant().end('the primary host scada1 is offline');
    };
    return { edge, calls, said, leave };
  }
  const TWO = { urls: ['mqtt://first', 'mqtt://second'], probe: 0 };

  test('is prepared before each CONNECT, and `connected` when its births have arrived', async () => {
    const { edge, calls, said } = createEdge();
    await start({ probe: 0 }, edge);
    expect(calls).toEqual(['prepare']);
    await plant().accept();
    expect(connection.status.reason).toBe(
      'mqtt://first: connected, waiting for the births to arrive',
    );
    said[0]?.waiting('mqtt://first: waits for the primary host scada1, which is offline');
    expect(connection.status.reason).toContain('waits for the primary host');
    said[0]?.proven();
    expect(connection.status).toMatchObject({ state: 'connected', reason: null });
    // Its own messages say all.
    expect([plant().published, senderCalls]).toEqual([[], []]);
    plant().events.answered();
    plant().end();
    await advance(5000);
    expect(calls).toEqual(['prepare', 'answered', 'down true', 'prepare']);
  });

  test('a host that is offline at one address is looked for at the next, over one connection at a time', async () => {
    const { edge, said, leave } = createEdge();
    await start(TWO, edge);
    await plant().accept();
    said[0]?.proven();
    leave();
    await settle();
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
    expect(plants[0]?.isDown).toBe(true);
    await plant().accept();
    said[1]?.proven();
    // No second connection looks whether the first address works again.
    await advance(600_000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second']);
    leave();
    await settle();
    expect(urls()).toHaveLength(2);
    await advance(5000);
    expect(urls()).toEqual(['mqtt://first', 'mqtt://second', 'mqtt://first']);
  });

  test('gets the messages of the plant, and says at the stop that it goes', async () => {
    const { edge, calls } = createEdge();
    await start({ probe: 0 }, edge);
    await plant().accept();
    await plant().events.message('a/b', { payload: 'x' } as unknown as IPublishPacket);
    await connection.stop();
    expect(calls).toEqual(['prepare', 'a/b', 'offline', 'down true']);
  });

  test('whose number can not be stored does not hold up the stop', async () => {
    const { edge } = createEdge();
    await start({ probe: 0 }, { ...edge, prepare: () => new Promise(() => {}) } as EdgeNode);
    expect(plants).toEqual([]);
    await connection.stop();
    expect(state()).toBe('stopped');
  });
});
