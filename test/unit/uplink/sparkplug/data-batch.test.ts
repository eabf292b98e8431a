import { expect, test } from 'vitest';
import { DataBatch } from '../../../../src/uplink/sparkplug/data-batch.ts';
import type { MessageFrames } from '../../../../src/uplink/sparkplug/message-frames.ts';
import type { Metric } from '../../../../src/uplink/sparkplug/payload.ts';

/** Packets as texts: the device, its number, and how many metrics it has. */
function createBatch(maximumPacketSize = 100_000) {
  let seq = 0;
  const data = (device: string, metrics: readonly Uint8Array[]) =>
    Buffer.from(`${device} ${seq++} ${metrics.length}`);
  const batch = new DataBatch({ data } as unknown as MessageFrames, maximumPacketSize);
  return { batch, texts: (packets: readonly Buffer[]) => packets.map(String) };
}

const value = (alias: number, over: Partial<Metric> = {}) =>
  ({ alias, type: 'Double', value: 1, omitType: true, ...over }) as const;

test('a value that can not be encoded stops no other', () => {
  const { batch, texts } = createBatch();
  batch.add('robot', value(1));
  expect(() => batch.add('robot', value(2, { value: 'text' }))).toThrow('no value of type Double');
  batch.add('robot', value(3));
  expect(texts(batch.takeAll())).toEqual(['robot 0 2']);
  expect(batch.takeAll()).toEqual([]);
});

test('births that can not be written leave what was before them, with its number', () => {
  const { batch, texts } = createBatch();
  batch.add('robot', value(1));
  const fails = () => {
    throw new Error('no birth');
  };
  expect(() => batch.addBirths(fails)).toThrow('no birth');
  batch.add('robot', value(1));
  expect(texts(batch.takeNumbered())).toEqual(['robot 0 1']);
  expect(texts(batch.takeAll())).toEqual(['robot 1 1']);
});

test.each([
  ['32 KiB', 100_000, 33_000],
  ['what the plant takes', 10_000, 10_000],
])('a message has at most %s', (_what, maximumPacketSize, limit) => {
  const { batch, texts } = createBatch(maximumPacketSize);
  for (let n = 0; n < 1000; n++) {
    batch.add('robot', value(n, { type: 'String', value: 'x'.repeat(100) }));
  }
  const counts = texts(batch.takeAll()).map((text) => Number(text.split(' ')[2]));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
  expect(Math.max(...counts) * 104).toBeLessThan(limit);
  expect(Math.max(...counts) * 112).toBeGreaterThan(limit - 1300);
});

test('a value that alone is larger is a message alone', () => {
  const { batch, texts } = createBatch(2000);
  const large = (alias: number) => value(alias, { type: 'String', value: 'x'.repeat(5000) });
  for (const metric of [value(1), large(2), large(3), value(4)]) batch.add('', metric);
  expect(texts(batch.takeAll())).toEqual([' 0 1', ' 1 1', ' 2 1', ' 3 1']);
});
