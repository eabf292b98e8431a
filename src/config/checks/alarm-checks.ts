import { alarmTopic, readingTopic } from '../../driver-kit/cell-topics.ts';
import type { Channel } from '../../driver-kit/driver.ts';
import { type AlarmConfig, type AlarmKind, kindOf } from '../schema/alarms.ts';
import { filtersOf } from '../schema/channel-filters.ts';
import type { PartialSensor } from '../schema/sensors.ts';
import type { Finding, Path } from '../yaml/problem.ts';
import { alternatives, didYouMean } from '../yaml/suggestion.ts';
import { type Parts, publishedChannels } from './parts.ts';

/** Alarms of one name, of channels that do not exist, on the topics of others, and outputs that follow none of them. */
export function* alarmChecks(parts: Parts): Iterable<Finding> {
  const { cell, sensors, drivers, outputs } = parts;
  const taken = topicsOf(parts);
  for (const { index, element } of sensors) {
    const names: string[] = [];
    for (const [place, config] of (element.alarms ?? []).entries()) {
      const path = ['sensors', index, 'alarms', place];
      const { name, channel, stale } = config;
      const topic = alarmTopic(cell, element.name, name);
      const at = { path: [...path, 'name'], at: 'value' } as const;
      if (names.includes(name)) {
        yield {
          ...at,
          message: `another alarm of the sensor is named "${name}", expected another name`,
        };
      } else if ([topic, `${topic}/set`, `${topic}/result`].some((one) => taken.has(one))) {
        yield {
          ...at,
          message: `its topic ${topic} is one of a sensor or an output, expected another name`,
        };
      }
      names.push(name);
      yield* wrongChannel(path, channel, element, drivers);
      if (stale !== undefined && stale <= element.every) {
        const message = `found ${stale / 1000} s, and the sensor is read each ${element.every / 1000} s (every), expected more than that`;
        yield { path: [...path, 'stale'], at: 'value', message };
      }
      const kind = kindOf(config);
      const only = publishedChannels(element, drivers).find((one) => one.name === (channel ?? ''));
      const list = filtersOf(element.filters, channel ?? '');
      // Behind a map, values may be of another kind.
      if (only !== undefined && !list.some((one) => 'map' in one))
        yield* wrongKind(path, kind, config, only);
      yield* wrongHysteresis(path, kind, config);
    }
  }
  const alarms = sensors.flatMap(({ element: { name: sensor, alarms = [] } }) =>
    alarms.flatMap(({ name }) => [`alarm/${name}`, `alarm/${sensor}/${name}`]),
  );
  for (const { index, element } of outputs) {
    const { follows } = element;
    if (follows === undefined || alarms.includes(follows)) continue;
    const message = `there is no such alarm${didYouMean(follows, alarms)}, expected alarm/NAME or alarm/SENSOR/NAME`;
    yield { path: ['outputs', index, 'follows'], at: 'value', message };
  }
}

/** Conditions that the values of the channel can never meet. */
function* wrongKind(
  path: Path,
  kind: AlarmKind,
  { equals }: AlarmConfig,
  { kind: given, unit, range }: Channel,
): Iterable<Finding> {
  const isNumber = given === 'number' || unit !== '' || range !== undefined;
  if (given === 'boolean' && ['above', 'below', 'outside', 'rate'].includes(kind)) {
    const message = 'the sensor has true and false, expected equals, stale or bad';
    yield { path: [...path, kind], at: 'key', message };
  } else if (given === 'boolean' && kind === 'equals' && typeof equals !== 'boolean') {
    const message = `found ${JSON.stringify(equals)}, and the sensor has true and false, expected one of them`;
    yield { path: [...path, kind], at: 'value', message };
  } else if (isNumber && kind === 'equals' && typeof equals !== 'number') {
    const message = `found ${JSON.stringify(equals)}, and the sensor has numbers, expected a number`;
    yield { path: [...path, kind], at: 'value', message };
  }
}

/** A hysteresis with which the alarm would never clear, or that its kind has not. */
function* wrongHysteresis(
  path: Path,
  kind: AlarmKind,
  { hysteresis, outside, rate = 0 }: AlarmConfig,
): Iterable<Finding> {
  if (hysteresis === 0) return;
  const at = { path: [...path, 'hysteresis'], at: 'value' } as const;
  if (['equals', 'stale', 'bad'].includes(kind)) {
    const message = `${kind} has no hysteresis, expected it with above, below, outside or rate`;
    yield { ...at, at: 'key', message };
  }
  const [low, high] = outside ?? [0, rate];
  const limit = kind === 'outside' || kind === 'rate' ? high - low : Infinity;
  if (hysteresis < limit) return;
  const message = `found ${hysteresis}, with which the alarm would never clear, expected less than ${limit}`;
  yield { ...at, message };
}

function* wrongChannel(
  path: Path,
  channel: string | undefined,
  sensor: PartialSensor,
  drivers: Parts['drivers'],
): Iterable<Finding> {
  const names = publishedChannels(sensor, drivers).map(({ name }) => name);
  if (names.length === 0 || names.includes(channel ?? '')) return;
  if (channel === undefined) {
    const message = `the sensor has several channels, expected channel: ${alternatives(names)}`;
    yield { path, at: 'value', message };
    return;
  }
  const message = names.includes('')
    ? 'the sensor has one channel without a name, expected no channel'
    : `the sensor publishes no channel "${channel}", expected ${alternatives(names)}${didYouMean(channel, names)}`;
  yield { path: [...path, 'channel'], at: 'value', message };
}

function topicsOf({ cell, sensors, outputs, drivers }: Parts): ReadonlySet<string> {
  const ofSensors = sensors.flatMap(({ element }) =>
    publishedChannels(element, drivers).map(({ name }) => readingTopic(cell, element.name, name)),
  );
  const ofOutputs = outputs.flatMap(({ element }) =>
    ['', 'set', 'result'].map((name) => readingTopic(cell, element.name, name)),
  );
  return new Set([...ofSensors, ...ofOutputs]);
}
