import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { InRoute } from '../../../src/config/schema/uplink-routes.ts';
import type { PlantSubscription } from '../../../src/uplink/plant-client.ts';
import { PlantSessions } from '../../../src/uplink/plant-sessions.ts';
import {
  PlantSubscriptions,
  type SubscribingClient,
} from '../../../src/uplink/plant-subscriptions.ts';
import {
  MQTT_5,
  MQTT_311,
  MQTT_311_BRIDGE,
  type PlantProtocol,
} from '../../../src/uplink/protocol-choice.ts';
import { settle } from '../../support/manual-clock.ts';

const PROBE = 'cell/status/probe';
const route = (filter: string, over: Partial<InRoute> = {}): InRoute => ({
  in: filter,
  strip: '',
  to: '',
  qos: 1,
  retain: 'clear',
  ...over,
});

/** A connection to a plant that refuses `refused`. */
class FakeClient implements SubscribingClient {
  readonly url: string;
  isDown = false;
  protocol: PlantProtocol = MQTT_311;
  refused: readonly string[] = [];
  /** Requests in order: filters that were subscribed, or unsubscribed with a minus in front. */
  readonly requests: string[][] = [];
  readonly subscriptions: PlantSubscription[] = [];
  /** The connection ends before the plant answers. */
  endsEarly = false;

  constructor(url = 'mqtt://plant') {
    this.url = url;
  }

  async subscribe(subscriptions: readonly PlantSubscription[]): Promise<readonly string[]> {
    this.requests.push(subscriptions.map(({ filter }) => filter));
    this.subscriptions.push(...subscriptions);
    this.isDown = this.endsEarly;
    return subscriptions.map(({ filter }) => filter).filter((one) => this.refused.includes(one));
  }

  async unsubscribe(filters: string[]): Promise<void> {
    if (filters.length > 0) this.requests.push(filters.map((filter) => `-${filter}`));
  }
}

let reports: Map<string, string | false>;
/** Topics that come back: those that the session has. */
let inSession: (topic: string) => boolean;
const states = createMemoryState();
let number = 0;

/** With the same `state`, a later run of the gateway. */
function subscriptionsFor(
  routes: readonly InRoute[],
  { probe = 30_000, state = `${number++}`, cluster = false } = {},
): PlantSubscriptions {
  const own = states.of(state);
  return new PlantSubscriptions({
    config: { in: routes, probe },
    probeTopic: PROBE,
    sessions: new PlantSessions({
      config: { clientId: 'cell-plant', urls: ['mqtt://plant', 'mqtt://other'], cluster },
      state: () => own,
      setNow: (key, value) => own.set(key, value),
      fresh: new Set(),
    }),
    comesBack: async (topic) => inSession(topic),
    report: (problem, sentence) => reports.set(problem, sentence),
  });
}

let plant: FakeClient;
beforeEach(() => {
  plant = new FakeClient();
  reports = new Map();
  inSession = () => true;
});

/** The requests since the last call; topics of proofs as `proof`. */
async function requests(of: FakeClient = plant): Promise<string[][]> {
  await settle();
  return of.requests
    .splice(0)
    .map((request) => request.map((filter) => filter.replace(/probe\/\w{8}$/, 'proof')));
}
const PROOF = 'cell/status/proof';

test('the probe and each route are subscribed, with the options of the route', async () => {
  const subscriptions = subscriptionsFor([route('a/#', { qos: 1, retain: 'keep' }), route('b/#')]);
  await subscriptions.subscribe(plant, false);
  expect(plant.subscriptions.slice(0, 3)).toEqual([
    { filter: PROBE, qos: 0, noLocal: false, keepRetain: false },
    { filter: 'a/#', qos: 1, noLocal: true, keepRetain: true },
    { filter: 'b/#', qos: 1, noLocal: true, keepRetain: false },
  ]);
  expect(subscriptions.hasProbe).toBe(true);
  expect([...reports.values()]).toEqual([false, false]);
});

test('without a probe its topic is not subscribed, and no proof', async () => {
  const subscriptions = subscriptionsFor([route('a/#')], { probe: 0 });
  await subscriptions.subscribe(plant, false);
  expect(await requests()).toEqual([['a/#']]);
  expect(subscriptions.hasProbe).toBe(false);
});

describe('on a session that the plant says it has kept', () => {
  test('all are requested with MQTT 5, where retained messages do not come again for it', async () => {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')]);
    plant.protocol = MQTT_5;
    await subscriptions.subscribe(plant, false);
    await subscriptions.subscribe(plant, true);
    expect(await requests()).toEqual([
      [PROBE, 'a/#', 'b/#'],
      [PROBE, 'a/#', 'b/#'],
    ]);
  });

  test('only the probe is requested with MQTT 3.1.1 while the proof comes back, also after a restart', async () => {
    const state = `${number++}`;
    const routes = [route('a/#'), route('b/#')];
    await subscriptionsFor(routes, { state }).subscribe(plant, false);
    expect(await requests()).toEqual([[PROBE, 'a/#', 'b/#'], [PROOF]]);
    const later = subscriptionsFor(routes, { state });
    await later.subscribe(plant, true);
    await later.subscribe(plant, true);
    expect(await requests()).toEqual([[PROBE], [PROBE]]);
  });

  test.each([
    [MQTT_5, MQTT_311],
    [MQTT_311, MQTT_5],
    [MQTT_311, MQTT_311_BRIDGE],
    [MQTT_311_BRIDGE, MQTT_311],
  ])('all are requested after %j with %j, which has other options', async (before, after) => {
    const subscriptions = subscriptionsFor([route('a/#')]);
    plant.protocol = before;
    await subscriptions.subscribe(plant, false);
    await requests();
    plant.protocol = after;
    await subscriptions.subscribe(plant, true);
    expect(await requests()).toContainEqual([PROBE, 'a/#']);
  });

  test('a bridge, which does not get its own messages, requests all once in each run, and no proof', async () => {
    const state = `${number++}`;
    plant.protocol = MQTT_311_BRIDGE;
    inSession = () => false;
    for (let run = 0; run < 2; run++) {
      const subscriptions = subscriptionsFor([route('a/#')], { state });
      await subscriptions.subscribe(plant, run > 0);
      await subscriptions.subscribe(plant, true);
      expect(await requests()).toEqual([[PROBE, 'a/#'], [PROBE]]);
    }
  });

  test('all are requested when the proof does not come back: the plant was restored from older data', async () => {
    const subscriptions = subscriptionsFor([route('a/#')]);
    await subscriptions.subscribe(plant, false);
    await requests();
    inSession = () => false;
    await subscriptions.subscribe(plant, true);
    expect(await requests()).toEqual([[`-${PROOF}`], [PROBE, 'a/#'], [PROOF]]);
  });

  test('a plant that lets no proof through after three attempts is asked by the first connection of each run', async () => {
    const state = `${number++}`;
    inSession = () => false;
    for (let connection = 0; connection < 3; connection++) {
      await subscriptionsFor([route('a/#')], { state }).subscribe(plant, true);
      expect((await requests()).flat()).toEqual(expect.arrayContaining(['a/#', PROOF]));
    }
    for (let run = 0; run < 2; run++) {
      const subscriptions = subscriptionsFor([route('a/#')], { state });
      await subscriptions.subscribe(plant, true);
      const asked = (await requests()).flat();
      expect([asked.includes('a/#'), asked.includes(PROOF)]).toEqual([true, false]);
      await subscriptions.subscribe(plant, true);
      expect((await requests()).flat()).not.toContain('a/#');
    }
  });

  test('all are requested when the connection ended before the proof came back', async () => {
    const subscriptions = subscriptionsFor([route('a/#')]);
    inSession = () => false;
    await subscriptions.subscribe(plant, false);
    await requests();
    await subscriptions.subscribe(plant, true);
    expect((await requests()).flat()).toContain('a/#');
  });

  test('a route with another QoS is requested', async () => {
    const state = `${number++}`;
    await subscriptionsFor([route('a/#'), route('b/#')], { state }).subscribe(plant, false);
    await requests();
    const changed = [route('a/#', { qos: 0 }), route('b/#')];
    await subscriptionsFor(changed, { state }).subscribe(plant, true);
    expect((await requests())[0]).toEqual([PROBE, 'a/#']);
  });

  test('filters that have left the config are unsubscribed first, on every connection', async () => {
    const state = `${number++}`;
    await subscriptionsFor([route('a/#'), route('b/#')], { state }).subscribe(plant, false);
    await requests();
    const later = subscriptionsFor([route('b/#'), route('c/#')], { state });
    await later.subscribe(plant, true);
    expect((await requests()).slice(0, 2)).toEqual([['-a/#'], [PROBE, 'c/#']]);
    // An older session may come back with them.
    await later.subscribe(plant, true);
    expect((await requests())[0]).toContain('-a/#');
  });

  test('a filter is remembered before it is requested: the gateway may end before the plant answers', async () => {
    const state = `${number++}`;
    plant.endsEarly = true;
    await subscriptionsFor([route('a/#')], { state }).subscribe(plant, false);
    const other = new FakeClient();
    await subscriptionsFor([route('b/#')], { state }).subscribe(other, true);
    expect((await requests(other))[0]).toEqual(['-a/#']);
  });
});

test('what one address has granted says nothing about another one', async () => {
  const subscriptions = subscriptionsFor([route('a/#')]);
  await subscriptions.subscribe(plant, false);
  const other = new FakeClient('mqtt://other');
  await subscriptions.subscribe(other, true);
  expect((await requests(other))[0]).toEqual([PROBE, 'a/#']);
  await requests();
  await subscriptions.subscribe(plant, true);
  expect(await requests()).toEqual([[PROBE]]);
});

test('filters that a version without addresses has stored are unsubscribed at each', async () => {
  const state = `${number++}`;
  states.of(state).set('subscribed', ['a/#', 'b/#']);
  await subscriptionsFor([route('b/#')], { state }).subscribe(plant, true);
  expect((await requests()).slice(0, 2)).toEqual([['-a/#'], [PROBE, 'b/#']]);
});

describe('what the plant refuses', () => {
  test('is reported, and requested again until the plant grants it', async () => {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')]);
    plant.refused = [PROBE, 'b/#'];
    await subscriptions.subscribe(plant, false);
    await requests();
    expect(subscriptions.hasProbe).toBe(false);
    expect(Object.fromEntries(reports)).toEqual({
      routes: 'mqtt://plant refuses to send b/#',
      probe: `mqtt://plant refuses the probe on ${PROBE}`,
    });
    plant.refused = ['b/#'];
    await subscriptions.retryDenied(plant);
    expect(await requests()).toEqual([[PROBE, 'b/#']]);
    expect(subscriptions.hasProbe).toBe(true);
    plant.refused = [];
    await subscriptions.retryDenied(plant);
    // A session from before does not have it: it needs another proof.
    expect(await requests()).toEqual([['b/#'], [PROOF]]);
    expect(Object.fromEntries(reports)).toEqual({ routes: false, probe: false });
    await subscriptions.retryDenied(plant);
    expect(await requests()).toEqual([]);
  });

  test('is requested again on the next connection', async () => {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')]);
    plant.refused = ['b/#'];
    await subscriptions.subscribe(plant, false);
    await requests();
    await subscriptions.subscribe(plant, true);
    expect(await requests()).toEqual([[PROBE, 'b/#']]);
  });
});

test('an answer after the end of the connection counts for nothing', async () => {
  const subscriptions = subscriptionsFor([route('a/#')]);
  plant.refused = ['a/#'];
  plant.endsEarly = true;
  await subscriptions.subscribe(plant, false);
  expect(reports.size).toBe(0);
  const other = new FakeClient();
  await subscriptions.subscribe(other, true);
  expect(other.requests[0]).toEqual([PROBE, 'a/#']);
});

test('at another node of a cluster nothing is requested again but the probe; at another plant everything is', async () => {
  for (const [cluster, expected] of [
    [true, [[PROBE]]],
    [false, [[PROBE, 'a/#', 'b/#'], [PROOF]]],
  ] as const) {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')], { cluster });
    const first = new FakeClient();
    await subscriptions.subscribe(first, false);
    expect(await requests(first)).toEqual([[PROBE, 'a/#', 'b/#'], [PROOF]]);
    const second = new FakeClient('mqtt://other');
    await subscriptions.subscribe(second, true);
    expect(await requests(second)).toEqual(expected);
  }
});
