import type { Channel, Driver } from '../../driver-kit/driver.ts';
import { filterLists, filtersOf } from '../schema/channel-filters.ts';
import type { FilterConfig } from '../schema/filters.ts';
import { channelsOf } from '../schema/sensors.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { alternatives, didYouMean } from '../yaml/suggestion.ts';
import type { Parts } from './parts.ts';

/** Filters that make no sense for a channel, channels that do not exist, and a heartbeat or a timeout that no read can keep. */
export function* filterChecks({ sensors, drivers }: Parts): Iterable<Finding> {
  for (const { index, element } of sensors) {
    const driver = drivers.get(element.driver);
    if (!driver) continue;
    const path = ['sensors', index];
    const all = driver.channels(element.options);
    const names = all.map(({ name }) => name).filter((name) => name !== '');
    yield* unknownChannels(path, element.channels ?? [], names);
    const channels = channelsOf(element, driver).map((channel) => withKind(channel, driver));
    for (const { path: below, channel, list } of filterLists(element.filters)) {
      const at = [...path, 'filters', ...below];
      if (channel !== undefined && !names.includes(channel)) {
        yield { path: at, at: 'key', message: unknown(channel, names) };
        continue;
      }
      // A list that another entry of the map replaces is not for that channel.
      const own = channels.filter(({ name }) => filtersOf(element.filters, name) === list);
      yield* senseless(at, list, own);
      yield* shortHeartbeats(at, list, element.every);
      yield* shortTimeouts(at, list, element.every);
    }
  }
}

function* unknownChannels(
  path: Path,
  channels: readonly string[],
  names: readonly string[],
): Iterable<Finding> {
  for (const [place, name] of channels.entries()) {
    const at = [...path, 'channels', place];
    if (!names.includes(name)) yield { path: at, at: 'value', message: unknown(name, names) };
    else if (channels.indexOf(name) < place) {
      yield { path: at, at: 'value', message: `"${name}" is in the list twice, expected it once` };
    }
  }
}

function unknown(name: string, names: readonly string[]): string {
  if (names.length === 0)
    return 'the sensor has one channel without a name, expected a list of filters';
  const meant = didYouMean(name, names);
  return `the sensor has no channel "${name}", expected ${alternatives(names)}${meant}`;
}

/** The channel with its kind, if that is known: a unit is one of numbers, and the pins of an expander are on or off. */
function withKind(channel: Channel, driver: Driver): Channel {
  const { kind, unit, range } = channel;
  const isNumber = unit !== '' || range !== undefined;
  const known = kind ?? (isNumber ? 'number' : driver.outputs ? 'boolean' : undefined);
  return known === undefined ? channel : { ...channel, kind: known };
}

type FilterName<One = FilterConfig> = One extends unknown ? keyof One : never;

/** The values that each filter is for; one for numbers or for true and false passes the others as they are. */
const KINDS: Readonly<Record<FilterName, 'number' | 'boolean' | 'any'>> = {
  offset: 'number',
  multiply: 'number',
  calibrate: 'number',
  polynomial: 'number',
  clamp: 'number',
  round: 'number',
  median: 'number',
  min: 'number',
  max: 'number',
  quantile: 'number',
  slidingAverage: 'number',
  exponentialAverage: 'number',
  derivative: 'number',
  integrate: 'number',
  throttleAverage: 'number',
  invert: 'boolean',
  delayed: 'boolean',
  delayedOn: 'boolean',
  delayedOff: 'boolean',
  unit: 'any',
  map: 'any',
  deadband: 'any',
  heartbeat: 'any',
  throttle: 'any',
  debounce: 'any',
  timeout: 'any',
  filterOut: 'any',
};
/** Filters whose parameters are in the unit of the channel, or give another unit. */
const OF_ONE_UNIT: ReadonlySet<string> = new Set<FilterName>([
  ...(['offset', 'multiply', 'calibrate', 'polynomial', 'clamp', 'integrate', 'unit'] as const),
]);

function* senseless(
  path: Path,
  list: readonly FilterConfig[],
  channels: readonly Channel[],
): Iterable<Finding> {
  const units = new Set(channels.map(({ unit }) => unit));
  for (const [place, filter] of list.entries()) {
    const [name = ''] = Object.keys(filter);
    // Behind a map, values may be of another kind.
    const isMapped = list.slice(0, place).some((one) => 'map' in one);
    const at = [...path, place, name];
    const wrong = isMapped ? undefined : channels.find((channel) => !fits(name, channel));
    if (wrong) {
      const which = wrong.name === '' ? 'the sensor' : `the channel "${wrong.name}"`;
      const [found, wanted] =
        kindOf(name) === 'number'
          ? ['no numbers', 'a filter for true and false or for every value']
          : ['numbers', 'a filter for numbers'];
      yield { path: at, at: 'key', message: `${which} has ${found}, expected ${wanted}` };
    } else if (units.size > 1 && isOfOneUnit(name, filter)) {
      const [first] = channels;
      const named = channels.map((channel) => `${channel.name} (${channel.unit || 'no unit'})`);
      const message = `is for channels of several units: ${named.join(', ')}, expected a map by channel such as { ${first?.name}: [${name}: …] }`;
      yield { path: at, at: 'key', message };
    }
  }
}

function isOfOneUnit(name: string, filter: FilterConfig): boolean {
  if (!('filterOut' in filter)) return OF_ONE_UNIT.has(name);
  const { value, above, below, outside, rate } = filter.filterOut;
  return [value, above, below, outside, rate].some((one) => one !== undefined);
}

function fits(name: string, { kind }: Channel): boolean {
  if (kind === undefined) return true;
  const own = kindOf(name);
  return own === 'any' || own === kind;
}

function kindOf(name: string): 'number' | 'boolean' | 'any' {
  return KINDS[name as FilterName] ?? 'any';
}

function* shortHeartbeats(
  path: Path,
  list: readonly FilterConfig[],
  every: number,
): Iterable<Finding> {
  for (const [place, filter] of list.entries()) {
    if (!('heartbeat' in filter) || filter.heartbeat >= every) continue;
    const message = `found ${filter.heartbeat / 1000} s, and the sensor is read each ${every / 1000} s (every), expected at least that`;
    yield { path: [...path, place, 'heartbeat'], at: 'value', message };
  }
}

/** A timeout that ends between two samples makes each of them bad and good again. */
function* shortTimeouts(
  path: Path,
  list: readonly FilterConfig[],
  every: number,
): Iterable<Finding> {
  let pause = every;
  for (const [place, filter] of list.entries()) {
    if ('throttleAverage' in filter) pause += filter.throttleAverage;
    if (!('timeout' in filter) || filter.timeout > pause) continue;
    const message = `found ${filter.timeout / 1000} s, and a sample comes each ${pause / 1000} s, expected more than that`;
    yield { path: [...path, place, 'timeout'], at: 'value', message };
  }
}
