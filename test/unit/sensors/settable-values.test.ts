import { describe, expect, test } from 'vitest';
import type { Sensor } from '../../../src/driver-kit/driver.ts';
import { parseSetCommand, type ReceivedSetCommand } from '../../../src/sensors/set-command.ts';
import { createCell, scriptedDriver } from '../../support/cell.ts';
import { settle } from '../../support/manual-clock.ts';

/** A sensor that counts, with a total and a rate. */
async function setUp(filters: Parameters<typeof createCell>[1] = {}) {
  let total = 5;
  const sensor: Sensor = {
    read: async () => ({ total: { value: total }, rate: { value: 3 } }),
    set(channel, value) {
      if (value < 0) throw new Error('a total is 0 or more');
      expect(channel).toBe('total');
      total = value;
    },
  };
  const receivers = new Map<string, (message: ReceivedSetCommand) => void>();
  const results: string[] = [];
  const channels = [
    { name: 'total', unit: 'kWh', settable: true },
    { name: 'rate', unit: 'W' },
  ];
  const cell = createCell(
    scriptedDriver(async () => sensor, channels),
    filters,
    {
      subscribe(topic, receive) {
        receivers.set(topic, receive);
        return () => receivers.delete(topic);
      },
      publishResult: (topic, payload) => results.push(`${topic} ${Buffer.from(payload)}`),
    },
  );
  await cell.sensing.start();
  await settle();
  const send = (text: string, topic = 'robotcell1/boiler/total/set') =>
    receivers.get(topic)?.({ payload: Buffer.from(text) });
  return { ...cell, receivers, results, send };
}

test('a total is set by its topic, with a result and a line in the log', async () => {
  const { send, results, receivers, clock, take, lines, sensing } = await setUp();
  expect([...receivers.keys()]).toEqual(['robotcell1/boiler/total/set']);
  take();
  send('12345');
  send('{"value":12346,"id":"7","by":"Anna"}');
  send('-1');
  send('');
  await clock.advance(1000);
  expect(take()).toEqual([12346, 3]);
  const topic = 'robotcell1/boiler/total/result';
  expect(results).toEqual([
    `${topic} {"ok":true}`,
    `${topic} {"id":"7","ok":true}`,
    `${topic} {"ok":false,"reason":"a total is 0 or more"}`,
  ]);
  expect(lines).toContain('sensor boiler/total: set to 12346 by Anna');
  await sensing.stop();
  expect(receivers.size).toBe(0);
});

test('filters are taken into account: the total is published as it was set', async () => {
  const { sensing, clock, take } = await setUp({
    filters: { total: [{ multiply: 0.5 }, { offset: 1 }], rate: [{ integrate: 1000 }] },
  });
  await clock.advance(1000);
  expect(sensing.set('boiler/total', { value: 101 })).toBeUndefined();
  expect(sensing.set('boiler/rate', { value: 50 })).toBeUndefined();
  take();
  await clock.advance(1000);
  expect(take()).toEqual([101, 53]);
  await sensing.stop();
});

test('what does not count, does not exist or is not open is refused', async () => {
  const { sensing } = await setUp();
  expect(sensing.set('boiler/rate', { value: 1 })).toContain('does not count');
  expect(sensing.set('boiler', { value: 1 })).toContain('does not count');
  expect(sensing.set('boiler/x', { value: 1 })).toContain('there is no output and no value');
  expect(sensing.set('kettle/total', { value: 1 })).toContain('there is no output and no value');
  await sensing.stop();
  expect(sensing.set('boiler/total', { value: 1 })).toBe('the sensor is not open');
});

describe('payloads', () => {
  test.each([
    ['12', { value: 12 }],
    ['-0.5', { value: -0.5 }],
    ['{"value":1,"id":7}', { value: 1, id: '7' }],
    ['', undefined],
  ])('%s', (text, expected) => {
    expect(parseSetCommand(Buffer.from(text))).toEqual(expected);
  });

  test.each([
    'x',
    'true',
    '"5"',
    '[1]',
    'null',
    '{}',
    '{"value":"1"}',
    '{"value":1,"x":1}',
    '{"value":1e999}',
    'NaN',
  ])('%s is refused', (text) => {
    expect(parseSetCommand(Buffer.from(text))).toHaveProperty('refused');
  });
});

test('a total behind a filter that can not be calculated backwards is not set to another value', async () => {
  const { send, results, sensing } = await setUp({
    filters: { total: [{ polynomial: [0, 1, 1] }] },
  });
  send('12');
  expect(results).toEqual([
    'robotcell1/boiler/total/result {"ok":false,"reason":"the filter polynomial can not be calculated backwards, so the value can not be set"}',
  ]);
  await sensing.stop();
});
