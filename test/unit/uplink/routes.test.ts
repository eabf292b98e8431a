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
