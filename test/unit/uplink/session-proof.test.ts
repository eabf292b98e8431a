import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryState } from '../../../src/base/state.ts';
import { PlantSessions } from '../../../src/uplink/plant-sessions.ts';
import { MQTT_311, MQTT_311_BRIDGE } from '../../../src/uplink/protocol-choice.ts';
import { SessionProof } from '../../../src/uplink/session-proof.ts';

const URL = 'mqtt://plant';

let state: ReturnType<ReturnType<typeof createMemoryState>['of']>;
let sessions: PlantSessions;
/** The topics that were tried, and whether a message on one comes back. */
let tried: string[];
let back: boolean;
let subscribed: string[];

beforeEach(() => {
  [tried, back, subscribed] = [[], true, []];
  state = createMemoryState().of('uplink');
  sessions = create();
});

/** Another run of the gateway. */
function create(): PlantSessions {
  return new PlantSessions({
    config: { clientId: 'cell-plant', urls: [URL] },
    state: () => state,
    fresh: new Set(),
    setNow: (key, value) => state.set(key, value),
  });
}

function proofOf(probe = 30_000): SessionProof {
  return new SessionProof({
    config: { probe },
    probeTopic: 'status/probe',
    sessions,
    comesBack: async (topic) => {
      tried.push(topic);
      return back;
    },
  });
}

function plantOf({ refuses = false, isDown = false, protocol = MQTT_311 } = {}) {
  return {
    ...{ url: URL, isDown, protocol },
    subscribe: async (subscriptions: readonly { readonly filter: string }[]) => {
      subscribed.push(...subscriptions.map(({ filter }) => filter));
      return refuses ? subscribed : [];
    },
  };
}

describe('after subscriptions have changed', () => {
  test('a new topic is subscribed, and proves the session when a message on it comes back', async () => {
    await proofOf().renew(plantOf());
    expect(subscribed).toEqual([expect.stringMatching(/^status\/probe\/[0-9a-f]{8}$/)]);
    expect(tried).toEqual(subscribed);
    expect(sessions.of(URL)).toMatchObject({
      ...{ proof: subscribed[0], proven: true, tries: 0, asked: subscribed },
    });
  });

  test.each([
    ['the plant refuses it', { refuses: true }, true],
    ['the connection has ended', { isDown: true }, true],
    ['nothing comes back', {}, false],
  ])('the session is not proven if %s', async (_, plant, comes) => {
    back = comes;
    await proofOf().renew(plantOf(plant));
    expect(sessions.of(URL)).toMatchObject({ proof: '', proven: false, tries: 1 });
  });

  test('it is tried three times at most', async () => {
    back = false;
    for (let n = 0; n < 5; n++) await proofOf().renew(plantOf());
    expect([subscribed.length, sessions.of(URL).tries]).toEqual([3, 3]);
  });

  test.each([
    ['a config without a probe', 0, MQTT_311],
    ['a bridge, which does not get its own messages', 30_000, MQTT_311_BRIDGE],
  ])('it is not tried for %s', async (_, probe, protocol) => {
    await proofOf(probe).renew(plantOf({ protocol }));
    expect(subscribed).toEqual([]);
  });
});

describe('on a later connection the session holds', () => {
  test('if a message on the topic comes back, also in another run', async () => {
    await proofOf().renew(plantOf());
    sessions = create();
    expect(await proofOf().holds(URL, MQTT_311)).toBe(true);
    expect(tried).toEqual([subscribed[0], subscribed[0]]);
    back = false;
    expect(await proofOf().holds(URL, MQTT_311)).toBe(false);
  });

  test('without a probe, or where the plant lets none through, for what was granted in this run', async () => {
    sessions.set(URL, { ...sessions.of(URL), granted: ['a 1'] });
    expect(await proofOf(0).holds(URL, MQTT_311)).toBe(true);
    expect(await proofOf().holds(URL, MQTT_311)).toBe(false);
    back = false;
    for (let n = 0; n < 3; n++) await proofOf().renew(plantOf());
    expect(await proofOf().holds(URL, MQTT_311)).toBe(true);
    sessions = create();
    expect(await proofOf().holds(URL, MQTT_311)).toBe(false);
    expect(await proofOf(0).holds(URL, MQTT_311)).toBe(false);
  });

  test('for a bridge, for what was granted in this run', async () => {
    expect(await proofOf().holds(URL, MQTT_311_BRIDGE)).toBe(false);
    sessions.set(URL, { ...sessions.of(URL), granted: ['a 1b'] });
    expect(await proofOf().holds(URL, MQTT_311_BRIDGE)).toBe(true);
    sessions = create();
    expect(await proofOf().holds(URL, MQTT_311_BRIDGE)).toBe(false);
    expect(tried).toEqual([]);
  });
});
