import { beforeEach, describe, expect, test } from 'vitest';
import { Message } from '../../../src/queue/message.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import { PlantRefusals } from '../../../src/uplink/plant-refusals.ts';
import { FakeOwner } from '../../support/entries.ts';

let now: number;
let refusals: PlantRefusals;
let owner: FakeOwner;

beforeEach(() => {
  [now, owner] = [1000, new FakeOwner(1)];
  refusals = new PlantRefusals(() => now);
  refusals.connected('mqtt://plant', 2);
});

/** A message whose body, with the topic and its length, has so many bytes. */
function entry(topic: string, { bytes = 100, qos = 1 as 1 | 2 } = {}): QueueEntry {
  const text = Buffer.from(topic);
  const head = Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text]);
  const body = Buffer.concat([head, Buffer.alloc(Math.max(0, bytes - head.length))]);
  return owner.entry(new Message(body, head.length, head.length, null), qos);
}

/** What a message resembles: `what` of the reason, with `?` while it is still to be tested. */
function resembles(one: QueueEntry): string {
  const refusing = refusals.of(one);
  if (!refusing) return '';
  const what = refusing.reason.replace('the plant ended the connection at messages ', '');
  return refusing.tested ? what : `${what}?`;
}

describe('a topic', () => {
  test('is tested twice, and refused for ten minutes after the last time', () => {
    refusals.add(entry('a'));
    expect([resembles(entry('a')), resembles(entry('b'))]).toEqual(['on this topic?', '']);
    now += 1000;
    refusals.add(entry('a'));
    expect(resembles(entry('a'))).toBe('on this topic');
    now += 599_999;
    expect(resembles(entry('a'))).toBe('on this topic');
    now += 1;
    expect(resembles(entry('a'))).toBe('on this topic?');
  });

  test('that the plant has taken is forgotten; another one is not', () => {
    for (const topic of ['a', 'b']) refusals.add(entry(topic));
    refusals.taken(entry('a'));
    expect([resembles(entry('a')), resembles(entry('b'))]).toEqual(['', 'on this topic?']);
  });

  test('of more than 1024 characters is not remembered', () => {
    const [longest, longer] = ['x'.repeat(1024), 'x'.repeat(1025)];
    for (const topic of [longest, longer]) refusals.add(entry(topic, { bytes: 2000 }));
    expect([resembles(entry(longest)), resembles(entry(longer))]).toEqual(['on this topic?', '']);
  });

  test('the one that was refused longest ago is forgotten for the 1001st', () => {
    for (let n = 0; n < 1000; n++) refusals.add(entry(`t${n}`));
    refusals.add(entry('t0'));
    refusals.add(entry('more'));
    const known = ['t0', 't1', 't2', 'more'].filter((topic) => resembles(entry(topic)) !== '');
    expect(known).toEqual(['t0', 't2', 'more']);
  });
});

describe('a kind of topic', () => {
  test.each([
    ['a control character', 'a\u0001', 'b\u009f'],
    ['a noncharacter', 'a\ufdd0', 'b\uffff'],
    ['a space', 'hall 1', ' '],
    ['a point', 'a.b', '.c'],
    ['a character outside ASCII', 'ä', 'ω'],
  ])(
    '%s: counts when two topics with it were refused, and then never without a test',
    (name, one, two) => {
      refusals.add(entry(one));
      const third = entry(`${one}${two}`);
      // The same topic again says nothing about its kind.
      refusals.add(entry(one));
      expect(resembles(third)).toBe('');
      refusals.add(entry(two));
      expect(resembles(third)).toContain(`with ${name} in the topic?`);
      expect(resembles(entry('plain'))).toBe('');
      for (let n = 0; n < 10; n++) refusals.add(entry(`${n}${one}`));
      expect(resembles(third).endsWith('?')).toBe(true);
    },
  );

  test('that the plant takes on another topic is no reason any more', () => {
    for (const topic of ['hall 1', 'hall 2', 'a.b', 'a.c']) refusals.add(entry(topic));
    refusals.taken(entry('hall 3'));
    expect(resembles(entry('hall 4'))).toBe('');
    expect(resembles(entry('a.d'))).toBe('with a point in the topic?');
  });
});

describe('a size', () => {
  test('of 4 KiB and less is never the reason', () => {
    refusals.add(entry('a', { bytes: 4096 }));
    expect(resembles(entry('b', { bytes: 9999 }))).toBe('');
    refusals.add(entry('c', { bytes: 4097 }));
    expect(resembles(entry('b', { bytes: 4097 }))).toBe('of 4097 bytes and more?');
    expect(resembles(entry('b', { bytes: 4096 }))).toBe('');
  });

  test('that was taken is never the reason, nor a smaller one', () => {
    refusals.taken(entry('a', { bytes: 50_000 }));
    refusals.taken(entry('a', { bytes: 10 }));
    refusals.add(entry('b', { bytes: 50_000 }));
    expect(resembles(entry('c', { bytes: 60_000 }))).toBe('');
    refusals.add(entry('b', { bytes: 50_001 }));
    expect(resembles(entry('c', { bytes: 60_000 }))).toBe('of 50001 bytes and more?');
  });

  test('the smallest counts; after ten it is refused', () => {
    refusals.add(entry('a', { bytes: 60_000 }));
    for (let n = 0; n < 8; n++) refusals.add(entry(`b${n}`, { bytes: 70_000 }));
    expect(resembles(entry('c', { bytes: 60_000 }))).toBe('of 60000 bytes and more?');
    refusals.add(entry('c', { bytes: 50_000 }));
    expect(resembles(entry('d', { bytes: 50_000 }))).toBe('of 50000 bytes and more');
    now += 600_000;
    expect(resembles(entry('d', { bytes: 50_000 }))).toBe('of 50000 bytes and more?');
  });

  test('that is taken later is forgotten; a smaller one leaves it', () => {
    refusals.add(entry('a', { bytes: 60_000 }));
    refusals.taken(entry('b', { bytes: 59_999 }));
    expect(resembles(entry('c', { bytes: 60_000 }))).toBe('of 60000 bytes and more?');
    refusals.taken(entry('b', { bytes: 60_000 }));
    expect(resembles(entry('c', { bytes: 90_000 }))).toBe('');
  });
});

describe('QoS 2', () => {
  test('is tried once as QoS 1; that it is taken proves that the plant refuses QoS 2', () => {
    const one = entry('a', { qos: 2 });
    one.sent = true;
    expect(refusals.tryLowerQos(one)).toBe(true);
    // It is another message to the plant.
    expect([one.sent, refusals.maximumQos, refusals.noQos2]).toEqual([false, 1, false]);
    refusals.taken(one);
    expect([refusals.maximumQos, refusals.noQos2]).toEqual([1, true]);
    expect(refusals.tryLowerQos(entry('b', { qos: 2 }))).toBe(false);
  });

  test('is not tried a second time with the same message', () => {
    const one = entry('a', { qos: 2 });
    expect([refusals.tryLowerQos(one), refusals.tryLowerQos(one)]).toEqual([true, false]);
    expect([refusals.maximumQos, refusals.noQos2]).toEqual([2, false]);
  });

  test('another message that is taken meanwhile proves nothing', () => {
    refusals.tryLowerQos(entry('a', { qos: 2 }));
    refusals.taken(entry('b', { qos: 2 }));
    expect([refusals.maximumQos, refusals.noQos2]).toEqual([1, false]);
  });

  test.each<[string, 1 | 2, () => unknown]>([
    ['a message of QoS 1', 1, () => undefined],
    ['once the plant has taken QoS 2', 2, () => refusals.taken(entry('x', { qos: 2 }))],
    ['where the plant says that it has no QoS 2', 2, () => refusals.connected('mqtt://other', 1)],
    ['where it says so on a later connection', 2, () => refusals.connected('mqtt://plant', 1)],
  ])('is not tried with %s', (_, qos, before) => {
    before();
    expect(refusals.tryLowerQos(entry('a', { qos }))).toBe(false);
  });

  test('is tried although QoS 1 was taken', () => {
    refusals.taken(entry('x'));
    expect(refusals.tryLowerQos(entry('a', { qos: 2 }))).toBe(true);
  });
});

test('at another address nothing of it counts; on another connection to the same all of it', () => {
  const refuseAll = (): void => {
    for (const topic of ['a b', 'c d']) refusals.add(entry(topic, { bytes: 60_000 }));
    const two = entry('q', { qos: 2 });
    refusals.tryLowerQos(two);
    refusals.taken(two);
  };
  const all = (): unknown[] => [
    resembles(entry('a b')),
    resembles(entry('e f')),
    resembles(entry('x', { bytes: 60_000 })),
    refusals.noQos2,
  ];
  refuseAll();
  const known = ['on this topic?', 'with a space in the topic?', 'of 60000 bytes and more?', true];
  expect(all()).toEqual(known);
  refusals.connected('mqtt://plant', 2);
  expect(all()).toEqual(known);
  refusals.connected('mqtt://other', 2);
  expect(all()).toEqual(['', '', '', false]);
  expect(refusals.maximumQos).toBe(2);
  // Nor what it has taken.
  refusals.taken(entry('x', { bytes: 70_000 }));
  refusals.connected('mqtt://plant', 2);
  refusals.add(entry('y', { bytes: 65_000 }));
  expect(resembles(entry('z', { bytes: 65_000 }))).toBe('of 65000 bytes and more?');
});
