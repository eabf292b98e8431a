import { describe, expect, test } from 'vitest';
import { maskUrls } from '../../../src/base/secrets.ts';
import { createMemoryState } from '../../../src/base/state.ts';
import { PlantSessions } from '../../../src/uplink/plant-sessions.ts';

const [A, B] = ['mqtt://a', 'mqtt://b'];

function setUp(urls: readonly string[], states = createMemoryState(), isCluster = false) {
  const state = states.of('uplink');
  const stored: string[] = [];
  const create = (clientId = 'cell-plant', cluster = isCluster) =>
    new PlantSessions({
      config: { clientId, urls, cluster },
      state: () => state,
      fresh: new Set(),
      setNow: (key, value) => {
        stored.push(key);
        state.set(key, value);
      },
    });
  return { create, state, stored };
}

test('messages in flight belong to the session of the address where the last connection was', () => {
  const { create } = setUp([A, B]);
  const sessions = create();
  expect(sessions.enter(A, true, [])).toBe(false);
  expect(sessions.enter(A, true, [])).toBe(true);
  expect(sessions.enter(B, true, [])).toBe(false);
  expect(sessions.enter(A, true, [])).toBe(false);
  expect(sessions.enter(A, false, [])).toBe(false);
  // The next run of the gateway.
  expect(create().enter(A, true, [])).toBe(true);
  // Another client id is another session.
  expect(create('another').enter(A, true, [])).toBe(false);
});

test('what an earlier version has left in flight belongs to the only address', () => {
  expect(setUp([A]).create().enter(A, true, [])).toBe(true);
});

test('an address is stored without its secrets, and known by what the log shows of it', () => {
  const [first, second] = ['mqtt://user:hush@a', 'wss://b/mqtt?token=hush'];
  const { create, stored, state } = setUp([first, second]);
  const sessions = create();
  sessions.enter(maskUrls(first), false, []);
  sessions.enter(maskUrls(second), true, [[7, 1]]);
  expect(sessions.of(first).open).toEqual([[7, 1]]);
  expect([sessions.isFresh(first), sessions.isFresh(second)]).toEqual([true, false]);
  expect(sessions.enter(maskUrls(second), true, [])).toBe(true);
  expect(JSON.stringify([stored, state.get('inFlightAt')])).not.toContain('hush');
});

test('the address is stored at once when it changes, and only then', () => {
  const { create, stored } = setUp([A, B]);
  const sessions = create();
  for (const url of [A, A, B, B]) sessions.enter(url, true, []);
  expect(stored).toEqual(['inFlightAt', 'inFlightAt']);
});

test('a session that the plant has lost has nothing; what was requested in it is remembered', () => {
  const { create } = setUp([A]);
  const sessions = create();
  sessions.set(A, {
    asked: ['x'],
    granted: ['x 1'],
    proof: 'p',
    proven: true,
    tries: 2,
    open: [[1, 1]],
  });
  sessions.enter(A, false, []);
  expect(sessions.of(A)).toEqual({
    asked: ['x'],
    granted: [],
    proof: '',
    proven: false,
    tries: 0,
    open: [],
  });
});

test('a filter is stored at once when it is new, and at most 200 are remembered', () => {
  const { create, stored } = setUp([A]);
  const sessions = create();
  const filters = Array.from({ length: 250 }, (_, n) => `f${n}`);
  sessions.set(A, { ...sessions.of(A), asked: filters });
  expect(stored).toHaveLength(1);
  sessions.set(A, { ...sessions.of(A), tries: 1 });
  expect(stored).toHaveLength(1);
  expect(sessions.of(A).asked).toEqual(filters.slice(50));
});

test('nothing is written while nothing changes', () => {
  const { create, state } = setUp([A]);
  const sessions = create();
  sessions.set(A, { ...sessions.of(A), asked: ['x'] });
  let writes = 0;
  const { set } = state;
  state.set = (key, value) => {
    writes++;
    set(key, value);
  };
  sessions.set(A, { ...sessions.of(A) });
  sessions.enter(A, false, []);
  expect(writes).toBe(1);
  sessions.enter(A, false, []);
  expect(writes).toBe(1);
});

test('a stored value of another form counts for nothing', () => {
  const { create, state } = setUp([A]);
  state.set(`session cell-plant ${A}`, { asked: [1] });
  state.set('subscribed', 'x');
  expect(create().of(A).asked).toEqual([]);
});

test('QoS 2 messages in flight are remembered for the address that is left, until it has answered again', () => {
  const { create } = setUp([A, B]);
  const sessions = create();
  sessions.enter(A, true, []);
  sessions.enter(A, true, [[1, 1]]);
  expect(sessions.of(A).open).toEqual([]);
  sessions.enter(B, true, [[7, 7]]);
  sessions.enter(B, true, [[8, 8]]);
  expect([sessions.of(A).open, sessions.of(B).open]).toEqual([[[7, 7]], []]);
  sessions.enter(A, true, []);
  expect(create().of(A).open).toEqual([[7, 7]]);
  sessions.answered(A);
  expect(sessions.of(A).open).toEqual([]);
});

describe('the addresses of a cluster', () => {
  test('share one session: what is in flight belongs to it at each of them, while one says that it has it', () => {
    const { create, stored } = setUp([A, B], undefined, true);
    const sessions = create();
    sessions.enter(A, false, []);
    expect(sessions.enter(B, true, [[7, 7]])).toBe(true);
    expect(sessions.enter(A, true, [[7, 7]])).toBe(true);
    // The next run of the gateway.
    expect(create().enter(B, true, [])).toBe(true);
    expect(sessions.of(A).open).toEqual([]);
    expect(stored).toEqual(['inFlightAt']);
    expect(sessions.enter(A, false, [])).toBe(false);
  });

  test('share what was granted, and lose it together', () => {
    const sessions = setUp([A, B], undefined, true).create();
    sessions.set(A, {
      ...sessions.of(A),
      asked: ['x'],
      granted: ['x 1'],
      proof: 'p',
      proven: true,
    });
    expect(sessions.of(B)).toMatchObject({ granted: ['x 1'], proof: 'p', proven: true });
    expect([sessions.isFresh(A), sessions.isFresh(B)]).toEqual([true, true]);
    sessions.lost(B);
    expect(sessions.of(A)).toMatchObject({ asked: ['x'], granted: [], proven: false });
  });

  test('were separate plants before: their filters are remembered, and what was in flight at one belongs to all', () => {
    const { create } = setUp([A, B]);
    const separate = create();
    separate.enter(A, true, []);
    separate.set(A, { ...separate.of(A), asked: ['x'], granted: ['x 1'], proven: true });
    separate.set(B, { ...separate.of(B), asked: ['y'] });
    const cluster = create('cell-plant', true);
    expect(cluster.enter(B, true, [[7, 7]])).toBe(true);
    expect(cluster.of(A)).toMatchObject({ asked: ['x', 'y'], granted: [], proven: false });
  });

  test('become separate plants: what is in flight belongs to none, filters of the cluster are remembered', () => {
    const { create } = setUp([A, B]);
    const cluster = create('cell-plant', true);
    cluster.enter(A, true, []);
    cluster.set(A, { ...cluster.of(A), asked: ['x'] });
    const separate = create();
    expect(separate.enter(A, true, [[7, 7]])).toBe(false);
    expect(separate.of(B).asked).toEqual(['x']);
  });
});
