import { isDeepStrictEqual } from 'node:util';
import { hex } from '../buses/i2c-device.ts';
import type { Config } from './schema/schema.ts';

/** One value that differs in another config, e.g. `sensors.temperature.every: 1000 -> 5000`. */
export type Change = string;

/** The most changes that are reported; the others are counted. */
const MOST_CHANGES = 100;
/** The most characters of a value in a change. */
const LONGEST = 200;

/** The values that differ between the two configs, one text each, by the names of their keys. Times are milliseconds. */
export function differences(before: Config, after: Config): readonly Change[] {
  const changes = [...compare('', plain(before), plain(after))];
  if (changes.length <= MOST_CHANGES) return changes;
  return [...changes.slice(0, MOST_CHANGES), `and ${changes.length - MOST_CHANGES} more`];
}

/** Why a running gateway can't change from one config to the other without a restart; undefined when it can. */
export function needsRestart(before: Config, after: Config): string | undefined {
  for (const key of ['cell', 'data', 'gpio', 'http', 'powerFail', 'simulate'] as const) {
    if (!isDeepStrictEqual(before[key], after[key])) return `${key} has changed`;
  }
  for (const uplink of after.uplinks) {
    const former = before.uplinks.find(({ name }) => name === uplink.name);
    if (former && !isDeepStrictEqual(latestOnly(former), latestOnly(uplink))) {
      return `a queue of uplinks.${uplink.name} begins or ends to keep the latest of each topic only`;
    }
  }
  return undefined;
}

/** The queues that keep only the latest message of each topic. A queue gets this form when it is created. */
function latestOnly({ queue, out }: Config['uplinks'][number]): readonly string[] {
  const routes = out.filter((route) => route.queue?.full === 'latest-per-topic');
  return [...(queue.full === 'latest-per-topic' ? ['all'] : []), ...routes.map((one) => one.out)];
}

/** The config without its drivers: they are code, and the sensors name them. */
function plain({ drivers: _drivers, ...config }: Config): unknown {
  return config;
}

function* compare(path: string, before: unknown, after: unknown): Iterable<Change> {
  if (isDeepStrictEqual(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    if (isNamed([...before, ...after])) {
      yield* compare(path, named(before), named(after));
      return;
    }
  } else if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* compare(path === '' ? key : `${path}.${key}`, before[key], after[key]);
    }
    return;
  }
  const key = path.slice(path.lastIndexOf('.') + 1);
  if (before === undefined) yield `${path}: new, ${shown(after, key)}`;
  else if (after === undefined) yield `${path}: gone, was ${shown(before, key)}`;
  else yield `${path}: ${shown(before, key)} -> ${shown(after, key)}`;
}

type Named = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The name of an element of a list, by the key that names it; undefined if it has none. */
export function keyOf(value: unknown): string | undefined {
  if (!isMap(value)) return undefined;
  if (typeof value.name === 'string') return value.name;
  if (typeof value.out === 'string') return value.out;
  if (typeof value.in === 'string') return value.in;
  return typeof value.host === 'string' ? `${value.host}:${value.port}` : undefined;
}

function isNamed(values: readonly unknown[]): boolean {
  return values.every((value) => keyOf(value) !== undefined);
}

function named(values: readonly unknown[]): Named {
  return Object.fromEntries(values.map((value) => [keyOf(value), value]));
}

/** A value of this key as text; I2C addresses as the config and datasheets write them, such as 0x48. */
function shown(value: unknown, key: string): string {
  const inHex = (name: string, one: unknown): unknown =>
    name === 'address' && typeof one === 'number' ? hex(one) : one;
  const text =
    key === 'address' && typeof value === 'number'
      ? hex(value)
      : (JSON.stringify(value, inHex) ?? 'nothing').replaceAll(
          /"address":"(0x[\da-f]+)"/g,
          '"address":$1',
        );
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
