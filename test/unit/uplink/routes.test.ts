import { expect, test } from 'vitest';
import type { OutRoute } from '../../../src/config/schema/uplink-routes.ts';
import { Routes } from '../../../src/uplink/routes.ts';

const out = (filter: string, to: string): OutRoute => ({
  out: filter,
  to,
  qos: 1,
  retain: 'keep',
  priority: 'normal',
});

test('a topic is sent by the narrowest route, never back to where it came from, never as the status', () => {
  const routes = new Routes({
    out: [out('#', 'all/'), out('a/#', 'a/'), out('a/b', 'b/')],
    in: [{ in: 'all/set/#', strip: 'all/', to: '', qos: 1, retain: 'clear' }],
    own: ['cell/status'],
  });
  const remote = (topic: string) => routes.out(topic)?.remote.toString();
  expect(['x', 'a', 'a/b', 'a/c', 'set/lamp', 'cell/status', '$SYS/x'].map(remote)).toEqual([
    'all/x',
    'a/a',
    'b/a/b',
    'a/a/c',
    undefined,
    undefined,
    undefined,
  ]);
  expect(routes.in('all/set/lamp')?.local).toBe('set/lamp');
  expect(routes.in('other')).toBeUndefined();
});

test('a topic at the plant is reported once, also if many messages have it', () => {
  const found: string[] = [];
  const routes = new Routes({
    ...{ out: [out('a/#', 'plant/')], in: [], own: [] },
    found: (remote) => void found.push(remote),
  });
  for (const topic of ['a/x.y', 'a/x.y', 'b', 'a/z', 'a/x.y']) routes.out(topic);
  expect(found).toEqual(['plant/a/x.y', 'plant/a/z']);
});

test('a topic of as many levels as fit has its route, in both directions', () => {
  const routes = new Routes({
    out: [out('+/#', 'plant/'), out(`+/${'+/'.repeat(200)}#`, 'deep/')],
    in: [{ in: 'in/#', strip: 'in/', to: '', qos: 1, retain: 'clear' }],
    own: [],
  });
  const topic = 'a/'.repeat(32_000);
  expect(routes.out(topic)?.remote.toString()).toBe(`deep/${topic}`);
  expect(routes.in(`in/${topic}`)?.local).toBe(topic);
});

test('a local topic comes back on the topics from which in routes would bring it', () => {
  const route = { qos: 1, retain: 'clear' } as const;
  const routes = new Routes({
    out: [],
    in: [
      { in: 'down/cell/set/#', strip: 'down/', to: '', ...route },
      { in: 'line/+', strip: 'line/', to: 'cell/set/', ...route },
    ],
    own: [],
  });
  expect(routes.returns('cell/set/lamp')).toEqual(['down/cell/set/lamp', 'line/lamp']);
  expect(routes.returns('cell/set/a/b')).toEqual(['down/cell/set/a/b']);
  expect(routes.returns('cell/temperature')).toEqual([]);
});
