import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { encodeReading } from '../../../../src/driver-kit/reading.ts';
import {
  decodeBatch,
  encodeBatch,
  type Recent,
} from '../../../../src/store/database/recent-batch.ts';
import { createRandom } from '../../../support/random.ts';
import { retained } from '../../../support/recent.ts';

const byTopic = (values: readonly Recent[]): Recent[] =>
  [...values].sort((a, b) => (a.topic < b.topic ? -1 : 1));

function expectSame(values: readonly Recent[]): void {
  expect(decodeBatch(encodeBatch(values))).toEqual(byTopic(values));
}

test('payloads of every kind are read as they were written', () => {
  const payloads: (string | Uint8Array)[] = [
    ...['1', '007', '', 'on', '{"value":-3.50,"n":[1,2,33]}', '1,2,,3', '10\n20\n', 'ä 5 °C'],
    ...[
      'a\x001',
      '\0',
      ',',
      '9'.repeat(2000),
      '1 '.repeat(100),
      '5e-7',
      Uint8Array.of(0xff, 0x31, 0x80),
    ],
    randomBytes(3000),
  ];
  expectSame(payloads.map((payload, n) => retained(`t/${n}`, payload)));
  for (const payload of payloads) expectSame([retained('t', payload)]);
});

test('publisher, properties, expiry and QoS are kept, and a topic whose value is in its row', () => {
  const more = { publisher: 'hmi \ufffd', properties: Buffer.from([2, 1, 1]), expires: 1.7e12 };
  expectSame([
    { ...retained('b'), ...more, qos: 2 },
    { ...retained('a'), qos: 1 },
    { topic: 'c', payload: undefined },
    { ...retained('ä/\u{1f600}/1'), publisher: 'x' },
    { ...retained('ä/\u{1f601}/1'), expires: 5 },
  ]);
});

test('more different texts than there are frames are kept', () => {
  expectSame(
    Array.from({ length: 500 }, (_, n) => retained(`t/${n}`, `${'x'.repeat(n)}${n} ${n}`)),
  );
});

test('random values are read as they were written', () => {
  const random = createRandom(7);
  for (let run = 0; run < 50; run++) {
    const topics = new Set(Array.from({ length: 40 }, () => `${random.between(0, 99)}/x`));
    const payload = (): Buffer =>
      Buffer.from(
        Array.from(
          { length: random.between(0, 30) },
          () => random.between(0, 1) * 8 + random.between(44, 60),
        ),
      );
    expectSame([...topics].map((topic) => retained(topic, payload())));
  }
});

test('a thousand readings take some bytes each', () => {
  const random = createRandom(3);
  const readings = Array.from({ length: 1000 }, (_, n) => {
    const time = 1_800_000_000_000 + Math.floor(n / 6) * 5;
    const value = random.between(1000, 9999) / 100;
    const reading = { sensor: `s${n}`, unit: '°C', value, quality: 'good', time } as const;
    const encoding = { payload: 'json', boot: 1_780_000_000, seq: 5000 + (n % 3) } as const;
    return retained(`cell/s${Math.floor(n / 6)}/j${n % 6}`, encodeReading(reading, encoding));
  });
  expectSame(readings);
  expect(encodeBatch(readings).length).toBeLessThan(5000);
});

test('what is no batch throws', () => {
  const batch = encodeBatch([retained('a/b', '12.5'), retained('a/c', '17')]);
  for (let length = 0; length < batch.length; length++) {
    expect(() => decodeBatch(batch.subarray(0, length))).toThrow();
  }
  expect(() => encodeBatch([{ ...retained('a'), qos: {} as 0 }])).toThrow(TypeError);
});
