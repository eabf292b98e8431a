import { isDeepStrictEqual } from 'node:util';
import type { Config } from './schema/schema.ts';

/** One thing that another config says otherwise, e.g. `sensors.temperature.every: 1000 -> 5000`. */
export type Change = string;

/** Told at most; the rest is counted. */
const TOLD = 100;
const LONGEST = 200;

/** What `after` says otherwise than `before`, one line each, in the words of the config. Times are milliseconds. */
export function differences(before: Config, after: Config): readonly Change[] {
  const changes = [...compare('', plain(before), plain(after))];
  if (changes.length <= TOLD) return changes;
  return [...changes.slice(0, TOLD), `and ${changes.length - TOLD} more`];
}

/** Why a running gateway can't be brought from one config to the other; undefined when it can. */
export function needsRestart(before: Config, after: Config): string | undefined {
  for (const key of ['cell', 'data', 'gpio', 'http', 'powerFail'] as const) {
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

/** The queues that keep the latest of each topic, which is told apart when a queue is taken up. */
function latestOnly({ queue, out }: Config['uplinks'][number]): readonly string[] {
  const routes = out.filter((route) => route.queue?.full === 'latest-per-topic');
  return [...(queue.full === 'latest-per-topic' ? ['all'] : []), ...routes.map((one) => one.out)];
}

/** Drivers are code, and told by the sensors that name them. */
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
  if (before === undefined) yield `${path}: new, ${shown(after)}`;
  else if (after === undefined) yield `${path}: gone, was ${shown(before)}`;
  else yield `${path}: ${shown(before)} -> ${shown(after)}`;
}

type Named = Readonly<Record<string, unknown>>;

function isMap(value: unknown): value is Named {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function keyOf(value: unknown): string | undefined {
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

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
