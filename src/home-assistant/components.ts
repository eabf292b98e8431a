import { filtersOf } from '../config/schema/channel-filters.ts';
import type { FilterConfig } from '../config/schema/filters.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import type { Config } from '../config/schema/schema.ts';
import { channelsOf, type SensorConfig } from '../config/schema/sensors.ts';
import { alarmTopic, powerTopics, readingTopic, statusTopic } from '../driver-kit/cell-topics.ts';
import type { Channel } from '../driver-kit/driver.ts';
import type { PayloadForm } from '../driver-kit/reading.ts';
import { quantityOf } from './device-class.ts';
import {
  ALARM_ATTRIBUTES,
  ALARM_STATE,
  availabilityTemplate,
  QUALITY_ATTRIBUTES,
  type ValueKind,
  valueTemplate,
} from './templates.ts';

/** One entity as Home Assistant wants it described: `p` is its platform. */
export interface Component {
  readonly p: 'sensor' | 'binary_sensor' | 'switch' | 'number';
  readonly unique_id: string;
  readonly [key: string]: unknown;
}

/** The parts of a config that become entities. */
export type Described = Pick<
  Config,
  'cell' | 'payload' | 'sensors' | 'outputs' | 'drivers' | 'powerFail'
>;

/** A number has limits, by default 1 and 100, and steps, which Home Assistant allows down to this one. */
const MOST = Number.MAX_SAFE_INTEGER;
const FINEST_STEP = 0.001;

/** All entities by their ids, in the order of the config. An id and a unique id depend on the topic only. */
export function componentsOf(config: Described): Record<string, Component> {
  const components = [
    ...config.sensors.flatMap((sensor) => [...ofSensor(config, sensor)]),
    ...config.outputs.map((output) => ofOutput(config.cell, output)),
    ...(config.powerFail ? [ofSupply(config.cell, config.payload)] : []),
  ];
  return Object.fromEntries(components.map((one) => [one.unique_id, one]));
}

/** A word of letters, digits, `-` and `_` only, another one for each text: other characters become `_` code point `_`. */
export function idOf(text: string): string {
  return text.replace(/[^a-zA-Z0-9-]/gu, (one) => `_${one.codePointAt(0)?.toString(16)}_`);
}

function* ofSensor({ cell, drivers }: Described, sensor: SensorConfig): Iterable<Component> {
  const driver = drivers.get(sensor.driver);
  for (const channel of driver ? channelsOf(sensor, driver) : []) {
    yield ofChannel(cell, sensor, channel);
    const setting = ofSetting(cell, sensor, channel);
    if (setting) yield setting;
  }
  for (const { name } of sensor.alarms ?? []) {
    const topic = alarmTopic(cell, sensor.name, name);
    yield {
      ...named('binary_sensor', cell, topic),
      ...{ device_class: 'problem', payload_on: 'on', payload_off: 'off' },
      ...{ state_topic: topic, value_template: ALARM_STATE },
      ...{ json_attributes_topic: topic, json_attributes_template: ALARM_ATTRIBUTES },
    };
  }
}

function ofChannel(cell: string, sensor: SensorConfig, channel: Channel): Component {
  const topic = readingTopic(cell, sensor.name, channel.name);
  const { filters, unit, kind } = publishedAs(sensor, channel);
  const state = {
    ...readingState(cell, topic, sensor.payload, kind),
    ...(sensor.expires === undefined ? {} : { expire_after: Math.ceil(sensor.expires / 1000) }),
  };
  if (kind === 'boolean') return { ...named('binary_sensor', cell, topic), ...state, ...ON_OFF };
  const component = { ...named('sensor', cell, topic), ...state };
  if (kind !== 'number') return component;
  const name =
    channel.name === '' ? sensor.name.slice(sensor.name.lastIndexOf('/') + 1) : channel.name;
  const counts = filters.some((filter) => 'integrate' in filter)
    ? 'sum'
    : channel.settable && channel.name === 'total'
      ? 'count'
      : undefined;
  return {
    ...component,
    ...(unit === '' ? {} : { unit_of_measurement: unit }),
    ...quantityOf({ unit, name, counts }),
  };
}

/** What a counter, a position or a sum is set with, beside the entity that shows it: only that one has statistics. */
function ofSetting(cell: string, sensor: SensorConfig, channel: Channel): Component | undefined {
  const { filters, unit, kind } = publishedAs(sensor, channel);
  const isSettable = channel.settable === true || filters.some((one) => 'integrate' in one);
  if (!isSettable || kind !== 'number') return undefined;
  const topic = readingTopic(cell, sensor.name, channel.name);
  return {
    ...named('number', cell, `${topic}/set`),
    ...readingState(cell, topic, sensor.payload, kind),
    ...{ command_topic: `${topic}/set`, entity_category: 'config', mode: 'box' },
    ...{ min: -MOST, max: MOST, step: FINEST_STEP },
    ...(unit === '' ? {} : { unit_of_measurement: unit }),
  };
}

/** What the values of a channel are behind its filters. */
function publishedAs(sensor: SensorConfig, channel: Channel) {
  const filters = filtersOf(sensor.filters, channel.name);
  const unit = filters.findLast((filter) => 'unit' in filter)?.unit ?? channel.unit;
  return { filters, unit, kind: kindOf({ ...channel, unit }, filters) };
}

/** What the values are behind the filters. */
function kindOf(channel: Channel, filters: readonly FilterConfig[]): ValueKind {
  const map = filters.findLast((filter) => 'map' in filter)?.map;
  if (map !== undefined) {
    const kinds = new Set(Object.values(map).map((value) => typeof value));
    if (kinds.size !== 1) return 'unknown';
    return kinds.has('boolean') ? 'boolean' : kinds.has('number') ? 'number' : 'text';
  }
  const { kind, unit, range, settable } = channel;
  if (kind !== undefined) return kind;
  return unit !== '' || range !== undefined || settable ? 'number' : 'unknown';
}

function ofOutput(cell: string, { name, payload, follows }: OutputConfig): Component {
  const topic = readingTopic(cell, name, '');
  const state = readingState(cell, topic, payload, 'boolean');
  // It takes no commands.
  if (follows !== undefined) return { ...named('binary_sensor', cell, topic), ...state, ...ON_OFF };
  return { ...named('switch', cell, topic), ...state, ...ON_OFF, command_topic: `${topic}/set` };
}

function ofSupply(cell: string, payload: PayloadForm): Component {
  const topic = powerTopics(cell).supplied;
  return {
    ...named('binary_sensor', cell, topic),
    ...readingState(cell, topic, payload, 'boolean'),
    ...{ ...ON_OFF, device_class: 'power' },
  };
}

const ON_OFF = { payload_on: 'on', payload_off: 'off' };

function named<P extends Component['p']>(p: P, cell: string, topic: string) {
  const name = topic.slice(cell.length + 1).replaceAll('/', ' ');
  return { p, unique_id: `cellgate_${idOf(topic)}`, name };
}

/** Where the state of an entity comes from, and when it is available: while the gateway is online and the value not bad. */
function readingState(cell: string, topic: string, form: PayloadForm, kind: ValueKind) {
  const attributes =
    form === 'json'
      ? { json_attributes_topic: topic, json_attributes_template: QUALITY_ATTRIBUTES }
      : {};
  return {
    ...{ state_topic: topic, value_template: valueTemplate(form, kind) },
    availability: [
      { topic: statusTopic(cell) },
      { topic, value_template: availabilityTemplate(form) },
    ],
    availability_mode: 'all',
    ...attributes,
  };
}
