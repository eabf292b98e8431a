import { chipPlace, hex } from '../../buses/i2c-device.ts';
import type { Driver, Drivers } from '../../driver-kit/driver.ts';
import { type PinSpec, parsePin } from '../schema/pins.ts';
import type { PartialSensor } from '../schema/sensors.ts';
import type { Finding } from '../yaml/problem.ts';
import { alternatives, didYouMean } from '../yaml/suggestion.ts';
import type { Parts } from './parts.ts';

/** The problems of outputs that are pins of a chip: the chip, the pin, and other users of them. */
export function* pinChecks({ sensors, outputs, drivers, lineOf }: Parts): Iterable<Finding> {
  const chips = new Map<string, string>();
  for (const { index, element } of outputs) {
    const spec = parsePin(element.line);
    if (spec === undefined) continue;
    const path = ['outputs', index, 'line'];
    const place = chipPlace(spec.bus, spec.address);
    const first = chips.get(place);
    chips.set(place, first ?? spec.driver);
    const sensor = sensors.find(({ element: one }) =>
      conflicts(one, spec, drivers.get(spec.driver)),
    );
    const message =
      noSuchPin(spec, drivers) ??
      (first !== undefined && first !== spec.driver
        ? `${place} is a ${first} already, expected the address of another chip`
        : undefined) ??
      (sensor &&
        `${place} is read by the sensor in line ${lineOf(['sensors', sensor.index, 'name'])}, expected a pin that no sensor takes`);
    if (message !== undefined) yield { path, at: 'value', message };
  }
}

function noSuchPin({ driver: name, address, pin }: PinSpec, drivers: Drivers): string | undefined {
  const driver = drivers.get(name);
  if (driver?.outputs === undefined) {
    const names = [...drivers.values()].filter((one) => one.outputs).map((one) => one.name);
    const hint = didYouMean(name, names);
    return `there is no chip ${name} with outputs, expected ${alternatives(names)}${hint}`;
  }
  const { addresses = [], outputs } = driver;
  if (!addresses.includes(address)) {
    return `a ${name} can't be at ${hex(address)}, expected ${addresses.map(hex).join(', ')}`;
  }
  if (pin >= outputs.pins)
    return `the ${name} has no pin ${pin}, expected 0 to ${outputs.pins - 1}`;
  return undefined;
}

/** Whether a sensor is another chip at the same address, or uses that pin. */
function conflicts(
  { bus, address, driver: name, options }: PartialSensor,
  spec: PinSpec,
  driver: Driver | undefined,
): boolean {
  if (bus !== spec.bus || address !== spec.address) return false;
  if (name !== spec.driver || driver?.outputs?.alone === true) return true;
  return !Array.isArray(options.pins) || options.pins.includes(spec.pin);
}
