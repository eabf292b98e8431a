import { beforeEach, describe, expect, test } from 'vitest';
import { Message } from '../../../src/queue/message.ts';
import type { QueueEntry } from '../../../src/queue/queue-entry.ts';
import type { Blame } from '../../../src/uplink/failures.ts';
import { PoisonMessageDetector } from '../../../src/uplink/poison-message.ts';
import { FakeOwner } from '../../support/entries.ts';

let now: number;
let detector: PoisonMessageDetector;
let owner: FakeOwner;

beforeEach(() => {
  now = 1000;
  detector = new PoisonMessageDetector(() => now);
  owner = new FakeOwner(1);
  detector.connected('mqtt://plant', 2);
});

function entry(topic: string, { bytes = 10, qos = 1 as 1 | 2 } = {}): QueueEntry {
  const head = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic)]);
  const body = Buffer.concat([head, Buffer.alloc(bytes)]);
  return owner.entry(new Message(body, head.length, head.length, null), qos);
}

/** A connection that acknowledged the status message and then ended with these in flight. */
function ended(inFlight: readonly QueueEntry[], blame: Blame = 'possible'): string | undefined {
  detector.connected('mqtt://plant', 2);
  detector.connectionWorks();
  const convicted = detector.disconnected(inFlight, blame);
  return convicted?.entry && `${inFlight.indexOf(convicted.entry)}`;
}

const kindOf = (one: QueueEntry): string => detector.handling(one).kind;
const messageProblem = (): string => detector.messageProblem((topic) => `p/${topic}`) ?? '';

describe('a message that was in flight at the end', () => {
  test('of one connection with others is sent as before', () => {
    const [one, two] = [entry('a'), entry('b')];
    ended([one, two]);
    expect([kindOf(one), kindOf(two), messageProblem(), detector.explained]).toEqual([
      'send',
      'send',
      '',
      false,
    ]);
  });

  test('of two is named and sent alone, and refused if the third one ends with it alone', () => {
    const [one, two] = [entry('a'), entry('b')];
    ended([one, two]);
    ended([one, two]);
    expect([kindOf(one), detector.explained]).toEqual(['alone', true]);
    expect(messageProblem()).toContain('message on p/a');
    expect([ended([one]), messageProblem(), kindOf(two)]).toEqual(['0', '', 'send']);
  });

  test('of one, alone, is suspected at once; three such ends refuse it', () => {
    const one = entry('a');
    expect(ended([one])).toBeUndefined();
    expect(messageProblem()).toContain('the connection ended once');
    expect([ended([one]), ended([one])]).toEqual([undefined, '0']);
  });

  test('of many, never alone, is not refused', () => {
    const all = [entry('a'), entry('b')];
    for (let n = 0; n < 10; n++) expect(ended(all)).toBeUndefined();
  });

  test('is not suspected any more when the plant acknowledges it', () => {
    const [one, two] = [entry('a'), entry('b')];
    ended([one, two]);
    ended([one, two]);
    detector.answered(one, true);
    expect([kindOf(one), kindOf(two)]).toEqual(['send', 'alone']);
    expect(messageProblem()).toContain('message on p/b');
  });

  test('and that the plant has received (PUBREC) is not the reason', () => {
    const one = entry('a', { qos: 2 });
    one.released = true;
    for (let n = 0; n < 5; n++) expect(ended([one])).toBeUndefined();
    expect(messageProblem()).toBe('');
  });
});

describe('a reason code of MQTT 5', () => {
  test('for a malformed packet names the first in flight; alone once more, it is refused', () => {
    const [one, two] = [entry('a'), entry('b')];
    ended([one, two], 'message');
    expect([kindOf(one), kindOf(two)]).toEqual(['alone', 'send']);
    expect(ended([one], 'message')).toBe('0');
  });

  test('for a packet that is too large names the largest', () => {
    const [one, two] = [entry('a'), entry('b', { bytes: 5000 })];
    ended([one, two], 'size');
    expect([kindOf(one), kindOf(two)]).toEqual(['send', 'alone']);
  });
});

describe('proves nothing', () => {
  test.each([
    ['an end that the gateway or the network made', 'none', true],
    ['an end before the status message was acknowledged', 'possible', false],
  ] as const)('%s', (_, blame, works) => {
    const one = entry('a');
    for (let n = 0; n < 10; n++) {
      detector.connected('mqtt://plant', 2);
      if (works) detector.connectionWorks();
      expect(detector.disconnected([one], blame)).toBeUndefined();
    }
    expect([kindOf(one), detector.explained]).toEqual(['send', false]);
  });

  test('nothing is sent at first after a connection that ended with messages in flight', () => {
    ended([entry('a')]);
    detector.connected('mqtt://plant', 2);
    expect(detector.cautious).toBe(true);
    detector.connectionWorks();
    expect(detector.cautious).toBe(false);
  });
});

describe('what the plant has refused', () => {
  const refuse = (one: QueueEntry): void => {
    for (let n = 0; n < 3; n++) if (ended([one]) === '0') return;
    throw new Error('it was not refused');
  };

  test('a topic: the next message is tested once, alone; later ones are refused for ten minutes', () => {
    refuse(entry('a'));
    const second = entry('a');
    expect([kindOf(second), kindOf(entry('b'))]).toEqual(['alone', 'send']);
    expect(ended([second])).toBe('0');
    expect(detector.handling(entry('a'))).toEqual({
      kind: 'refuse',
      reason: 'the plant ended the connection at messages on this topic',
    });
    now += 600_000;
    const later = entry('a');
    expect(kindOf(later)).toBe('alone');
    detector.answered(later, true);
    expect(kindOf(entry('a'))).toBe('send');
  });

  test('a size: a message as large on another topic is tested alone, and a smaller one sent', () => {
    detector.answered(entry('small', { bytes: 100_000 }), true);
    refuse(entry('picture/1', { bytes: 200_000 }));
    const second = entry('picture/2', { bytes: 300_000 });
    expect([kindOf(second), kindOf(entry('x', { bytes: 150_000 }))]).toEqual(['alone', 'send']);
    expect(ended([second])).toBe('0');
    for (let n = 3; n <= 10; n++) {
      const next = entry(`picture/${n}`, { bytes: 250_000 });
      expect(kindOf(next)).toBe('alone');
      expect(ended([next])).toBe('0');
    }
    expect(kindOf(entry('picture/11', { bytes: 250_000 }))).toBe('refuse');
  });

  test('a message that is not larger than others was not refused for its size', () => {
    detector.answered(entry('big', { bytes: 100_000 }), true);
    refuse(entry('odd', { bytes: 50_000 }));
    expect(kindOf(entry('other', { bytes: 60_000 }))).toBe('send');
  });

  test('two topics with a space: a third one is tested alone, never refused without a test', () => {
    refuse(entry('hall 1'));
    expect(kindOf(entry('hall 2'))).toBe('send');
    refuse(entry('hall 2'));
    for (const topic of ['hall 3', 'hall 4', 'hall 5']) {
      const one = entry(topic);
      expect([kindOf(one), ended([one])]).toEqual(['alone', '0']);
    }
    const taken = entry('hall 6');
    detector.answered(taken, true);
    expect(kindOf(entry('hall 7'))).toBe('send');
  });

  test('QoS 2: the message is sent with QoS 1, and so are all others once that is taken', () => {
    const one = entry('batch', { qos: 2 });
    for (let n = 0; n < 3; n++) expect(ended([one])).toBeUndefined();
    expect([kindOf(one), detector.refusals.maximumQos]).toEqual(['alone', 1]);
    detector.answered(one, true);
    expect([detector.refusals.maximumQos, messageProblem()]).toEqual([
      1,
      expect.stringContaining('sent with QoS 1; set qos: 1'),
    ]);
  });

  test('is not QoS 2 if QoS 1 does not help, or if it was taken before', () => {
    const one = entry('batch', { qos: 2 });
    for (let n = 0; n < 3; n++) expect(ended([one])).toBeUndefined();
    expect([ended([one]), detector.refusals.maximumQos]).toEqual(['0', 2]);
    detector.answered(entry('other', { qos: 2 }), true);
    const two = entry('second', { qos: 2 });
    expect([ended([two]), ended([two]), ended([two])]).toEqual([undefined, undefined, '0']);
  });

  test.each([
    [true, 'alone'],
    // It never got the properties: what it refused was small.
    [false, 'send'],
  ])('counts the size of properties if the plant gets them (%s)', (takesProperties, kind) => {
    const of = (topic: string, properties: number, payload: number): QueueEntry => {
      const start = 2 + topic.length;
      const body = Buffer.alloc(start + properties + payload);
      body.write(topic, 2);
      return owner.entry(new Message(body, start, start + properties, null));
    };
    for (const one of [of('a', 90_000, 10), of('b', 90_000, 10)]) {
      for (let convicted = false; !convicted; ) {
        detector.connected('mqtt://plant', 2, takesProperties);
        detector.connectionWorks();
        convicted = detector.disconnected([one], 'possible') !== undefined;
      }
    }
    expect(kindOf(of('c', 0, 100_000))).toBe(kind);
  });

  test('is forgotten at another address', () => {
    refuse(entry('a'));
    detector.connected('mqtt://other', 2);
    expect(kindOf(entry('a'))).toBe('send');
  });

  test('is bounded: the oldest topic is forgotten', () => {
    for (let n = 0; n <= 1000; n++) refuse(entry(`t${n}`));
    expect([kindOf(entry('t0')), kindOf(entry('t1000'))]).toEqual(['send', 'alone']);
  });
});
