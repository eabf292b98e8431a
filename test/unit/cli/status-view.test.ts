import { expect, test } from 'vitest';
import { inWords } from '../../../src/cli/status.ts';
import { statusLines } from '../../../src/cli/status-view.ts';
import type { GatewayStatus } from '../../../src/runtime/health.ts';

const client = (clientId: string, over: object = {}) => ({
  ...{
    clientId,
    address: '192.0.2.1',
    online: true,
    version: '5',
    since: 0,
    queued: 0,
    dropped: 0,
  },
  ...{ shares: 0, aliases: { fromClient: 0, toClient: 0 }, sessionExpiry: 0, slow: false },
  ...{ held: { isWaiting: false }, ...over },
});

test('each client has its version, how long its session is kept, its shared subscriptions and aliases', () => {
  const status = {
    ...{ cell: 'c', version: '1', started: 0, troubles: [], sensors: [], outputs: [], uplinks: [] },
    sessions: { connected: 2, queued: 0, shares: { groups: 1, members: 3 } },
    clients: [
      client('five', { shares: 2, aliases: { fromClient: 3, toClient: 4 }, sessionExpiry: 90 }),
      client('old', { version: '3.1.1', sessionExpiry: null }),
      client('clean', { version: '3.1' }),
      client('gone', { online: false, address: null, version: null, sessionExpiry: 7200 }),
    ],
    shares: [{ filter: '$share/g/t', online: 2, away: 1, members: ['five', 'old'] }],
    store: { commits: 1, commitMs: { p99: 1 }, bytesWritten: 0, freeBytes: null },
  } as unknown as GatewayStatus;
  const lines = statusLines(status, 1000).map((line) => line.trim().replaceAll(/ {2,}/g, ' | '));
  const start = lines.indexOf('clients: 2 connected, 0 messages wait');
  expect(lines.slice(start + 1, start + 8)).toEqual([
    'five | online for 1 s | 192.0.2.1 | MQTT 5 | session kept 90 s | 0 wait | 2 shared | 7 aliases',
    'old | online for 1 s | 192.0.2.1 | MQTT 3.1.1 | session kept | 0 wait',
    'clean | online for 1 s | 192.0.2.1 | MQTT 3.1 | no session when it is away | 0 wait',
    'gone | away for 1 s | session kept 2 h | 0 wait',
    '',
    'shared subscriptions: 1 groups, 3 members',
    '$share/g/t | 2 online | 1 away | five, old, …',
  ]);
});

test('`status` has the versions of the clients, their aliases and the groups of shared subscriptions', () => {
  const status = {
    ...{ cell: 'c', version: '1', troubles: [], sensors: [], uplinks: [] },
    sessions: {
      ...{ sessions: 4, connected: 3, queued: 5, expired: 6, shares: { groups: 12, members: 40 } },
      ...{ versions: { '3.1': 0, '3.1.1': 2, '5': 1 }, aliases: { fromClient: 3, toClient: 4 } },
    },
    shares: Array.from({ length: 12 }, (_, n) => ({
      filter: `$share/g\u001b${n}/t`,
      online: n,
      away: 1,
    })),
  } as unknown as GatewayStatus;
  const lines = inWords(status).trimEnd().split('\n');
  expect(lines.slice(1, 5)).toEqual([
    'sessions   4, 3 connected, 5 messages wait, 6 expired',
    'clients    1 with MQTT 5, 2 with MQTT 3.1.1, 7 topic aliases',
    'shared     $share/g·0/t: 0 connected, 1 away',
    'shared     $share/g·1/t: 1 connected, 1 away',
  ]);
  expect(lines.slice(13)).toEqual(['shared     2 groups more', 'sensors    0', 'healthy']);
  const none = { ...status.sessions, ...{ versions: { '3.1': 0, '3.1.1': 0, '5': 0 } } };
  const empty = {
    ...none,
    aliases: { fromClient: 0, toClient: 0 },
    shares: { groups: 0, members: 0 },
  };
  expect(inWords({ ...status, sessions: empty, shares: [] } as GatewayStatus)).toBe(
    'c, cellgate 1\nsessions   4, 3 connected, 5 messages wait, 6 expired\nsensors    0\nhealthy\n',
  );
});

test('`status` and `watch` have the alarms that are not normal, the unacknowledged first', () => {
  const alarm = (name: string, over: object) => ({
    ...{ sensor: 'boiler', topic: `c/alarm/boiler/${name}`, name, severity: 'high' },
    ...{ text: 'Too hot', state: 'active', acknowledged: false, since: '2026-11-20T20:31:00.000Z' },
    ...over,
  });
  const status = {
    ...{ cell: 'c', version: '1', started: 0, troubles: [], sensors: [], outputs: [], uplinks: [] },
    sessions: {
      ...{ sessions: 0, connected: 0, queued: 0, expired: 0, shares: { groups: 0, members: 0 } },
      ...{ versions: {}, aliases: { fromClient: 0, toClient: 0 } },
    },
    ...{ clients: [], shares: [] },
    store: { commits: 1, commitMs: { p99: 1 }, bytesWritten: 0, freeBytes: null },
    alarms: [
      alarm('known', { acknowledged: true }),
      alarm('fine', { state: 'normal', acknowledged: true }),
      alarm('late', { state: 'normal', acknowledged: true, shelvedUntil: 'noon' }),
      alarm('new', { text: 'Too\u001bhot', reason: 'i2c-1 does not respond' }),
    ],
  } as unknown as GatewayStatus;
  const wanted = [
    'boiler/new (high): Too·hot: active, unacknowledged, since 2026-11-20T20:31:00.000Z, value lost: i2c-1 does not respond',
    'boiler/known (high): Too hot: active, acknowledged, since 2026-11-20T20:31:00.000Z',
    'boiler/late (high): Too hot: normal, since 2026-11-20T20:31:00.000Z, shelved until noon',
  ];
  const lines = inWords(status).trimEnd().split('\n');
  expect(lines.slice(-4, -1)).toEqual(wanted.map((one) => `alarm      ${one}`));
  const watched = statusLines(status, 0);
  const start = watched.indexOf('alarms');
  expect(watched.slice(start + 1, start + 5)).toEqual([...wanted.map((one) => `  ${one}`), '']);
  const many = { ...status, alarms: Array.from({ length: 25 }, (_, n) => alarm(`a${n}`, {})) };
  expect(inWords(many as unknown as GatewayStatus)).toContain(
    'alarm      5 more: cellgate alarm list\n',
  );
  const { alarms: _, ...older } = status;
  expect(inWords(older as GatewayStatus)).not.toContain('alarm');
});
