/** What kind of quantity a channel has, in the words of Home Assistant. */
export interface Quantity {
  readonly device_class?: string;
  readonly state_class: 'measurement' | 'total' | 'total_increasing';
}

/** A number that is published: its unit, the name that says what it is, and what it counts. */
export interface Quantified {
  readonly unit: string;
  /** The channel, or the last level of the sensor's name. */
  readonly name: string;
  /** `sum`: may become smaller again; `count`: only a correction makes it smaller. */
  readonly counts?: 'sum' | 'count' | undefined;
}

interface Classes {
  /** Of values at a moment. */
  readonly now?: string;
  /** Of sums and counts. */
  readonly total?: string;
}

/** The units that Home Assistant accepts for each class, where a unit has one meaning. */
const BY_CLASS: readonly (readonly [units: string, classes: Classes])[] = [
  ['°C °F', { now: 'temperature' }],
  ['Pa hPa kPa mbar bar psi', { now: 'pressure' }],
  ['A mA', { now: 'current' }],
  ['V mV kV', { now: 'voltage' }],
  ['W kW MW', { now: 'power' }],
  ['VA', { now: 'apparent_power' }],
  ['var', { now: 'reactive_power' }],
  ['J kJ MJ Wh kWh MWh', { total: 'energy' }],
  ['Hz kHz MHz GHz', { now: 'frequency' }],
  ['lx', { now: 'illuminance' }],
  ['W/m²', { now: 'irradiance' }],
  ['mm cm m km', { now: 'distance', total: 'distance' }],
  ['m/s km/h mm/s', { now: 'speed' }],
  ['s ms min h d', { now: 'duration', total: 'duration' }],
  ['kg', { now: 'weight', total: 'weight' }],
  // A value in g may be an acceleration.
  ['g', { total: 'weight' }],
  ['L m³', { now: 'volume_storage', total: 'volume' }],
  ['L/min m³/h', { now: 'volume_flow_rate' }],
  ['dBm', { now: 'signal_strength' }],
];
const CLASSES: ReadonlyMap<string, Classes> = new Map(
  BY_CLASS.flatMap(([units, classes]) => units.split(' ').map((unit) => [unit, classes] as const)),
);

/** Units with several meanings: what the name must contain for a class. */
const BY_NAME: readonly (readonly [unit: string, name: RegExp, deviceClass: string])[] = [
  ['%', /humidity/i, 'humidity'],
  ['%', /battery/i, 'battery'],
  ['ppm', /co2/i, 'carbon_dioxide'],
];

/** The classes of a number. Without a class that fits for certain there is none: Home Assistant refuses a wrong one. */
export function quantityOf({ unit, name, counts }: Quantified): Quantity {
  const classes = CLASSES.get(unit);
  // Home Assistant has energy only as a total, and chips that report it count.
  const isTotal = counts !== undefined || classes?.total === 'energy';
  const named = BY_NAME.find(([one, pattern]) => one === unit && pattern.test(name))?.[2];
  const deviceClass = isTotal ? classes?.total : (classes?.now ?? named);
  return {
    ...(deviceClass === undefined ? {} : { device_class: deviceClass }),
    state_class: !isTotal ? 'measurement' : counts === 'sum' ? 'total' : 'total_increasing',
  };
}
