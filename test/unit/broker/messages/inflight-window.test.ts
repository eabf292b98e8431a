import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InflightWindow } from '../../../../src/broker/messages/inflight-window.ts';

test('holds what a map holds, with identifiers that share a place in the ring', () => {
  const near = fc.integer({ min: 0, max: 5 });
  const id = fc.oneof(
    fc.integer({ min: 1, max: 65_535 }),
    fc.tuple(near, near).map(([round, place]) => round * 64 + place + 1),
  );
  const steps = fc.array(fc.record({ id, what: fc.constantFrom('add', 'delete', 'replace') }), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (made) => {
      const window = new InflightWindow<string>(20);
      const model = new Map<number, string>();
      made.forEach(({ id: packetId, what }, i) => {
        const held = model.has(packetId);
        if (what === 'add' && !held) {
          window.add(packetId, `${i}`);
          model.set(packetId, `${i}`);
        } else if (what === 'delete' && held) {
          window.delete(packetId);
          model.delete(packetId);
        } else if (what === 'replace' && held) {
          window.replace(packetId, `${i}`);
          model.set(packetId, `${i}`);
        }
        expect(window.size).toBe(model.size);
        expect(window.get(packetId)).toBe(model.get(packetId));
        expect(window.has(packetId)).toBe(model.has(packetId));
      });
      for (const [packetId, slot] of model) expect(window.get(packetId)).toBe(slot);
      expect([...window.values()].toSorted()).toEqual([...model.values()].toSorted());
    }),
  );
});

test('can hold every identifier there is', () => {
  const window = new InflightWindow<number>(65_535);
  for (let id = 1; id <= 65_535; id++) window.add(id, id);
  let right = 0;
  for (let id = 1; id <= 65_535; id++) if (window.get(id) === id) right++;
  expect(right).toBe(65_535);
  expect(window.size).toBe(65_535);
});
