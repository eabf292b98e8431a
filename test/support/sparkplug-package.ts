import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type { UPayload } from 'sparkplug-payload/lib/sparkplugbpayload.js';
import type * as Proto from 'sparkplug-payload/lib/sparkplugPayloadProto.js';
import type {
  Metric,
  ReceivedMetric,
  ReceivedPayload,
} from '../../src/uplink/sparkplug/payload.ts';

/** The package is written for CommonJS. */
const require = createRequire(import.meta.url);
const { org } = require('sparkplug-payload/lib/sparkplugPayloadProto.js') as typeof Proto;
const codec = require('sparkplug-payload/lib/sparkplugbpayload.js') as {
  encodePayload(payload: UPayload): Uint8Array;
  decodePayload(bytes: Uint8Array): UPayload;
};
const { Payload } = org.eclipse.tahu.protobuf;

/** A whole number, whether the package has it as a number or as an object of its own; undefined for none. */
function whole(value: unknown): bigint | undefined {
  return value === undefined || value === null ? undefined : BigInt(String(value));
}

/** A value of either decoder, in one form. */
function plain(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  const isLong = typeof value === 'object' && value !== null && 'toBigInt' in value;
  return isLong || Object(value).low !== undefined ? BigInt(String(value)) : value;
}

/** What the npm package reads otherwise than the gateway's own decoder, in words. */
export function differencesFromPackage(bytes: Buffer, ours: ReceivedPayload): string[] {
  const theirs = Payload.decode(bytes);
  const differences: string[] = [];
  const compare = (what: string, one: unknown, other: unknown): void => {
    if (isDeepStrictEqual(one, other)) return;
    differences.push(
      `sparkplug-payload has the ${what} ${String(other)} in place of ${String(one)}`,
    );
  };
  const own = (object: object, key: string): unknown =>
    Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined;
  compare('timestamp', whole(ours.timestamp), whole(own(theirs, 'timestamp')));
  compare('seq', whole(ours.seq), whole(own(theirs, 'seq')));
  compare('number of metrics', ours.metrics.length, theirs.metrics.length);
  for (const [n, metric] of ours.metrics.entries()) {
    const other = theirs.metrics[n] ?? {};
    compare('name', metric.name, own(other, 'name'));
    compare('alias', whole(metric.alias), whole(own(other, 'alias')));
    compare('time of a metric', whole(metric.timestamp), whole(own(other, 'timestamp')));
    compare(
      'mark of a historical value',
      metric.historical === true,
      own(other, 'isHistorical') === true,
    );
    compare('mark of no value', metric.value === null, own(other, 'isNull') === true);
  }
  return [...differences, ...differentValues(bytes, ours.metrics)];
}

/** The package reads values only where the metric has its type, as in births. */
function differentValues(bytes: Buffer, metrics: readonly ReceivedMetric[]): string[] {
  if (metrics.some(({ type }) => type === undefined)) return [];
  const { metrics: theirs } = codec.decodePayload(bytes);
  return metrics.flatMap(({ name, type, value }, n) => {
    const other = theirs?.[n];
    if (other?.type === type && isDeepStrictEqual(plain(value), plain(other?.value))) return [];
    return `sparkplug-payload reads ${name} as ${other?.type} ${String(other?.value)}, not as ${type} ${String(value)}`;
  });
}

/** A payload as the package encodes it. */
export function encodeWithPackage(payload: {
  readonly timestamp: number;
  readonly metrics: readonly Metric[];
}): Buffer {
  return Buffer.from(codec.encodePayload(payload as unknown as UPayload));
}
