import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import type { InRoute } from '../../../src/config/schema/uplink-routes.ts';
import type { PlantSubscription } from '../../../src/uplink/plant-client.ts';
import {
  PlantSubscriptions,
  type SubscribingClient,
} from '../../../src/uplink/plant-subscriptions.ts';

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
  readonly url = 'mqtt://plant';
  isDown = false;
  refused: readonly string[] = [];
  /** Requests in order: filters that were subscribed, or unsubscribed with a minus in front. */
  readonly requests: string[][] = [];
  readonly subscriptions: PlantSubscription[] = [];
  /** The connection ends before the plant answers. */
  endsEarly = false;

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
const states = createMemoryState();
let number = 0;

function subscriptionsFor(
  routes: readonly InRoute[],
  { probe = 30_000, state = `${number++}` } = {},
): PlantSubscriptions {
  return new PlantSubscriptions({
    config: { in: routes, probe },
    probeTopic: PROBE,
    state: () => states.of(state),
    report: (problem, sentence) => reports.set(problem, sentence),
  });
}

let plant: FakeClient;
beforeEach(() => {
  plant = new FakeClient();
  reports = new Map();
});

test('the probe and each route are subscribed, with the options of the route', async () => {
  const subscriptions = subscriptionsFor([route('a/#', { qos: 2, retain: 'keep' }), route('b/#')]);
  await subscriptions.subscribe(plant, false);
  expect(plant.subscriptions).toEqual([
    { filter: PROBE, qos: 0, noLocal: false, keepRetain: false },
    { filter: 'a/#', qos: 2, noLocal: true, keepRetain: true },
    { filter: 'b/#', qos: 1, noLocal: true, keepRetain: false },
  ]);
  expect(subscriptions.hasProbe).toBe(true);
  expect([...reports.values()]).toEqual([false, false]);
});

test('without a probe its topic is not subscribed', async () => {
  const subscriptions = subscriptionsFor([route('a/#')], { probe: 0 });
  await subscriptions.subscribe(plant, false);
  expect(plant.requests).toEqual([['a/#']]);
  expect(subscriptions.hasProbe).toBe(false);
});

describe('on a session that the plant has kept', () => {
  test('only the probe and what was refused are subscribed again', async () => {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')]);
    plant.refused = ['b/#'];
    await subscriptions.subscribe(plant, false);
    await subscriptions.subscribe(plant, true);
    expect(plant.requests.at(-1)).toEqual([PROBE, 'b/#']);
  });

  test('all are subscribed by the first connection after a start of the gateway', async () => {
    await subscriptionsFor([route('a/#')]).subscribe(plant, true);
    expect(plant.requests).toEqual([[PROBE, 'a/#']]);
  });

  test('filters that have left the config are unsubscribed first', async () => {
    const state = `${number++}`;
    await subscriptionsFor([route('a/#'), route('b/#')], { state }).subscribe(plant, false);
    await subscriptionsFor([route('b/#'), route('c/#')], { state }).subscribe(plant, true);
    expect(plant.requests.slice(1)).toEqual([['-a/#'], [PROBE, 'b/#', 'c/#']]);
  });
});

test('on another session all are subscribed again', async () => {
  const subscriptions = subscriptionsFor([route('a/#')]);
  await subscriptions.subscribe(plant, false);
  await subscriptions.subscribe(plant, false);
  expect(plant.requests.at(-1)).toEqual([PROBE, 'a/#']);
});

describe('what the plant refuses', () => {
  test('is reported, and requested again until the plant grants it', async () => {
    const subscriptions = subscriptionsFor([route('a/#'), route('b/#')]);
    plant.refused = [PROBE, 'b/#'];
    await subscriptions.subscribe(plant, false);
    expect(subscriptions.hasProbe).toBe(false);
    expect(Object.fromEntries(reports)).toEqual({
      routes: 'mqtt://plant refuses to send b/#',
      probe: `mqtt://plant refuses the probe on ${PROBE}`,
    });
    plant.refused = ['b/#'];
    await subscriptions.retryDenied(plant);
    expect(plant.requests.at(-1)).toEqual([PROBE, 'b/#']);
    expect(subscriptions.hasProbe).toBe(true);
    plant.refused = [];
    await subscriptions.retryDenied(plant);
    expect(plant.requests.at(-1)).toEqual(['b/#']);
    expect(Object.fromEntries(reports)).toEqual({ routes: false, probe: false });
    await subscriptions.retryDenied(plant);
    expect(plant.requests).toHaveLength(3);
  });
});

test('an answer after the end of the connection counts for nothing', async () => {
  const state = `${number++}`;
  const subscriptions = subscriptionsFor([route('a/#')], { state });
  plant.refused = ['a/#'];
  plant.endsEarly = true;
  await subscriptions.subscribe(plant, false);
  expect(reports.size).toBe(0);
  expect(states.of(state).get('subscribed')).toBeUndefined();
  const other = new FakeClient();
  await subscriptions.subscribe(other, true);
  expect(other.requests).toEqual([[PROBE, 'a/#']]);
});
