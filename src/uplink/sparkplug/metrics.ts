import type { Config } from '../../config/schema/schema.ts';
import { channelsOf } from '../../config/schema/sensors.ts';
import { readingTopic } from '../../driver-kit/cell-topics.ts';
import type { DataType } from './payload.ts';

/** One value of the cell as a metric of an edge node or of one of its devices. */
export interface MetricDefinition {
  /** Topic of its readings here. */
  readonly topic: string;
  /** The first level of its name; '' for a metric of the node itself, whose name has one level. */
  readonly device: string;
  /** The other levels of its name. */
  readonly name: string;
  readonly unit: string;
  /** The type until a value shows another. */
  readonly type: DataType;
  /** Whether a host may write it: outputs, and counters that can be corrected. */
  readonly isWritable: boolean;
  readonly isOutput: boolean;
}

/** The metrics of all sensors and outputs, in the order of the config. */
export function metricsOf(
  config: Pick<Config, 'cell' | 'sensors' | 'outputs' | 'drivers'>,
): MetricDefinition[] {
  const { cell, sensors, outputs, drivers } = config;
  const ofSensors = sensors.flatMap((sensor) => {
    const driver = drivers.get(sensor.driver);
    const channels = driver ? channelsOf(sensor, driver) : [];
    return channels.map(({ name, unit, kind, settable }): MetricDefinition => {
      const path = name === '' ? sensor.name : `${sensor.name}/${name}`;
      const type = kind === 'boolean' ? 'Boolean' : kind === 'text' ? 'String' : 'Double';
      const topic = readingTopic(cell, sensor.name, name);
      return {
        topic,
        ...placeOf(path),
        unit,
        type,
        isWritable: settable === true,
        isOutput: false,
      };
    });
  });
  const ofOutputs = outputs.map(({ name }): MetricDefinition => {
    const topic = readingTopic(cell, name, '');
    return {
      ...{ topic, ...placeOf(name), unit: '', type: 'Boolean' },
      ...{ isWritable: true, isOutput: true },
    };
  });
  return [...ofSensors, ...ofOutputs];
}

/** The device and the name of a metric by the path below the cell. */
function placeOf(path: string): Pick<MetricDefinition, 'device' | 'name'> {
  const slash = path.indexOf('/');
  return slash === -1
    ? { device: '', name: path }
    : { device: path.slice(0, slash), name: path.slice(slash + 1) };
}
