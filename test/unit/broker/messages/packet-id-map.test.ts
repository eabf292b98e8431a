import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketIdMap } from '../../../../src/broker/messages/packet-id-map.ts';

test('holds what a map holds, with identifiers that share a place in the ring', () => {
  const near = fc.integer({ min: 0, max: 5 });
  const id = fc.oneof(
    fc.integer({ min: 1, max: 65_535 }),
    fc.tuple(near, near).map(([round, place]) => round * 64 + place + 1),
  );
  const steps = fc.array(fc.record({ id, what: fc.constantFrom('set', 'set', 'delete') }), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, (made) => {
      const map = new PacketIdMap<string>();
      const model = new Map<number, string>();
      made.forEach(({ id: packetId, what }, i) => {
        if (what === 'set') {
          map.set(packetId, `${i}`);
          model.set(packetId, `${i}`);
        } else expect(map.delete(packetId)).toBe(model.delete(packetId));
        expect(map.size).toBe(model.size);
        expect(map.get(packetId)).toBe(model.get(packetId));
        expect(map.has(packetId)).toBe(model.has(packetId));
      });
      for (const [packetId, slot] of model) expect(map.get(packetId)).toBe(slot);
      expect([...map.values()].toSorted()).toEqual([...model.values()].toSorted());
    }),
  );
});

test('can hold every identifier there is', () => {
  const map = new PacketIdMap<number>();
  for (let id = 1; id <= 65_535; id++) map.set(id, id);
  let right = 0;
  for (let id = 1; id <= 65_535; id++) if (map.get(id) === id) right++;
  expect(right).toBe(65_535);
  expect(map.size).toBe(65_535);
});

test('values whose identifiers share a place stay while the ring grows, and so do their numbers', () => {
  const map = new PacketIdMap<string>();
  // 16 places at first: these five have the same one.
  const ids = [1, 17, 33, 49, 65];
  for (const id of ids) map.set(id, `first ${id}`);
  for (const id of ids) map.set(id, `${id}`);
  expect(map.size).toBe(5);
  for (let id = 100; id < 400; id++) map.set(id, `${id}`);
  expect(ids.map((id) => map.get(id))).toEqual(ids.map((id) => `${id}`));
  expect([map.size, new Set(map.values()).size]).toEqual([305, 305]);
  expect(ids.map((id) => map.delete(id))).toEqual(ids.map(() => true));
  expect(ids.map((id) => map.has(id))).toEqual(ids.map(() => false));
  expect(map.delete(1)).toBe(false);
  expect(map.size).toBe(300);
});
