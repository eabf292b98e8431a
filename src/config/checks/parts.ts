import type { Channel, Drivers } from '../../driver-kit/driver.ts';
import type { HomeAssistantConfig } from '../schema/home-assistant.ts';
import type { HttpConfig } from '../schema/http.ts';
import type { ListenerConfig } from '../schema/listeners.ts';
import type { PlantNames } from '../schema/names.ts';
import type { PartialOutput } from '../schema/outputs.ts';
import type { PowerFailConfig } from '../schema/power-fail.ts';
import { channelsOf, type PartialSensor } from '../schema/sensors.ts';
import type { PartialUplink } from '../schema/uplinks.ts';
import type { Path } from '../yaml/problem.ts';

/** An element of a list that is valid by itself, with its index in that list. */
export interface ValidElement<Element> {
  readonly index: number;
  readonly element: Element;
}

/** The parts of a config that are valid by themselves, and their lines in the file. */
export interface Parts {
  readonly cell: string;
  readonly names: PlantNames | undefined;
  readonly sensors: readonly ValidElement<PartialSensor>[];
  readonly outputs: readonly ValidElement<PartialOutput>[];
  readonly powerFail: PowerFailConfig | undefined;
  readonly listeners: readonly ValidElement<ListenerConfig>[];
  readonly uplinks: readonly ValidElement<PartialUplink>[];
  readonly http: HttpConfig | undefined;
  readonly homeAssistant: HomeAssistantConfig | undefined;
  /** Whether there is an access file, so that clients need a user. */
  readonly hasAccess: boolean;
  readonly drivers: Drivers;
  /** The line in the file of the value at the path; lines count from 1. */
  lineOf(path: Path): number;
}

/** The channels that a sensor publishes; none if its driver is not known. */
export function publishedChannels(sensor: PartialSensor, drivers: Drivers): readonly Channel[] {
  const driver = drivers.get(sensor.driver);
  return driver ? channelsOf(sensor, driver) : [];
}

/** Every GPIO line that a sensor uses, with the path of the key that names it. */
export function* linesOf(
  path: Path,
  { line, lines = [], options }: PartialSensor,
): Iterable<readonly [path: Path, line: string]> {
  if (line !== undefined) yield [[...path, 'line'], line];
  for (const [index, one] of lines.entries()) yield [[...path, 'lines', index], one];
  for (const key of ['interrupt', 'reference']) {
    const more = options[key];
    if (typeof more === 'string') yield [[...path, key], more];
  }
}
