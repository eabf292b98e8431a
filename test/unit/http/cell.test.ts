import { expect, test } from 'vitest';
import { Rights } from '../../../src/access/rules.ts';
import { type CellParts, cellFor, type VisibleCell } from '../../../src/http/cell.ts';

const channel = (topic: string) => ({ topic: `cell/${topic}`, quality: 'good' });
const CHANGED = { at: '2026-01-01T00:00:00.000Z', what: 'switched on by user "anna"' };
const parts = {
  ...{ cell: 'cell', version: '1', health: { started: 7, troubles: ['the disk is full'] } },
  sensors: {
    status: () => [
      { name: 'a', channels: [channel('a/x'), channel('a/y')] },
      { name: 'b', channels: [channel('b')] },
    ],
  },
  alarms: { list: () => [{ topic: 'cell/alarm/a/hot' }, { topic: 'cell/alarm/b/hot' }] },
  outputs: { status: () => [{ topic: 'cell/lamp', changed: CHANGED }, { topic: 'cell/fan' }] },
  broker: { shares: [{ filter: 'secret/#' }] },
  store: { status: async () => ({ commits: 1 }) },
  uplinks: () => [{ name: 'plant', status: { state: 'down' } }],
} as unknown as CellParts;

/** What a user with the right to read these filters sees. */
async function seenWith(...topics: string[]): Promise<VisibleCell> {
  const rights = new Rights(
    topics.map((topic) => ({ topic, allow: 'read' as const })),
    'hmi',
    'c',
  );
  const { readable } = rights;
  const may = (filter: string): boolean => rights.maySubscribe(filter);
  const visitor = {
    user: 'hmi',
    address: 'a',
    readable,
    maySubscribe: may,
    mayPublish: () => false,
  };
  const { status, body } = await cellFor(parts, visitor);
  if (status !== 200) throw new Error(String(status));
  return JSON.parse(String(body));
}

test('a user sees of the state what belongs to readable topics, and how much is left out', async () => {
  const seen = await seenWith('cell/a/x', 'cell/alarm/b/+', 'cell/lamp');
  expect(seen).toEqual({
    state: {
      gateway: { cell: 'cell', version: '1', started: 7, uplinks: [] },
      sensors: [{ name: 'a', channels: [channel('a/x')] }],
      alarms: [{ topic: 'cell/alarm/b/hot' }],
      outputs: [{ topic: 'cell/lamp' }],
    },
    hidden: { sensors: 1, alarms: 1, outputs: 1 },
    denied: ['troubles', 'store', 'shares', 'uplinks'],
  });
});

test('who has switched an output is shown to those who may read the state of the gateway', async () => {
  const { state } = await seenWith('$SYS/cellgate/outputs');
  expect(state.outputs).toEqual([{ topic: 'cell/lamp', changed: CHANGED }, { topic: 'cell/fan' }]);
});

test('a right under $SYS shows that part as a whole', async () => {
  const { state, hidden, denied } = await seenWith(
    ...['$SYS/cellgate/sensors', '$SYS/cellgate/troubles', '$SYS/cellgate/uplink/plant'],
  );
  expect(state).toMatchObject({
    gateway: { uplinks: ['plant'] },
    sensors: [{ name: 'a' }, { name: 'b' }],
    troubles: ['the disk is full'],
    'uplink/plant': { state: 'down' },
  });
  expect(hidden).toEqual({ sensors: 0, alarms: 2, outputs: 2 });
  expect(denied).toEqual(['store', 'shares']);
  expect((await seenWith('#', '$SYS/#')).denied).toEqual([]);
});

test('a user without any right to read sees nothing', async () => {
  await expect(seenWith()).rejects.toThrow('403');
});
