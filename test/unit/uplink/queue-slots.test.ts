import { expect, test } from 'vitest';
import { planSlots, QUEUE_PACKET_IDS, SLOTS } from '../../../src/uplink/queue-slots.ts';

const candidate = (name: string, rank: number, slot?: number) => ({ name, rank, slot });
const none = new Set<number>();
const all = (rank: number) =>
  Array.from({ length: SLOTS }, (_, slot) => candidate(`old${slot}`, rank, slot));

test('the identifiers of all slots are below those that mqtt.js uses', () => {
  expect(SLOTS * QUEUE_PACKET_IDS).toBeLessThanOrEqual(64_000);
});

test('a queue keeps its slot, and others get the lowest free ones', () => {
  const planned = planSlots([candidate('new', 3), candidate('old', 1, 1), candidate('x', 3)], none);
  expect([...planned]).toEqual([
    ['old', 1],
    ['new', 0],
    ['x', 2],
  ]);
});

test('a slot that is used or was given twice is given to one', () => {
  const planned = planSlots(
    [candidate('a', 2, 5), candidate('b', 1, 5), candidate('c', 1, 7)],
    new Set([7]),
  );
  expect(Object.fromEntries(planned)).toEqual({ b: 5, c: 0, a: 1 });
});

test('where no slot is free, a queue of every uplink takes that of the least important one', () => {
  const planned = planSlots([...all(2), candidate('route', 3), candidate('normal', 0)], none);
  expect([planned.get('normal'), planned.has('old0'), planned.has('route')]).toEqual([
    0,
    false,
    false,
  ]);
  expect(planned.size).toBe(SLOTS);
});

test('no queue of every uplink takes the slot of another such one', () => {
  expect(planSlots([...all(0), candidate('live', 0)], none).has('live')).toBe(false);
});
