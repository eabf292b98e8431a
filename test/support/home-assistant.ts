/**
 * What Home Assistant's documentation says about the description of a device (integrations MQTT, MQTT sensor, MQTT binary
 * sensor, MQTT switch, MQTT number, and the device classes of sensors), written from these pages, not from our code.
 */

const AVAILABILITY = [
  'availability',
  'availability_mode',
  'availability_topic',
  'availability_template',
];
const SHARED = [...AVAILABILITY, 'state_topic', 'command_topic', 'qos', 'encoding'];
const ENTITY = [
  ...SHARED,
  ...['p', 'platform', 'unique_id', 'name', 'object_id', 'default_entity_id', 'device_class'],
  ...['enabled_by_default', 'entity_category', 'entity_picture', 'icon', 'value_template'],
  ...['json_attributes_topic', 'json_attributes_template', 'payload_available'],
  'payload_not_available',
];
const READ = ['expire_after', 'force_update'];
const PLATFORMS: Readonly<Record<string, { keys: string[]; required: string[] }>> = {
  sensor: {
    keys: [
      ...[...ENTITY, ...READ, 'unit_of_measurement', 'state_class', 'options'],
      ...['suggested_display_precision', 'last_reset_value_template'],
    ],
    required: ['state_topic'],
  },
  binary_sensor: {
    keys: [...ENTITY, ...READ, 'payload_on', 'payload_off', 'off_delay'],
    required: ['state_topic'],
  },
  switch: {
    keys: [
      ...[...ENTITY, 'payload_on', 'payload_off', 'state_on', 'state_off'],
      ...['optimistic', 'retain', 'command_template'],
    ],
    required: ['command_topic'],
  },
  number: {
    keys: [
      ...[...ENTITY, 'min', 'max', 'step', 'mode', 'unit_of_measurement', 'payload_reset'],
      ...['optimistic', 'retain', 'command_template'],
    ],
    required: ['command_topic'],
  },
};
const DEVICE = [
  ...['identifiers', 'connections', 'name', 'manufacturer', 'model', 'model_id', 'sw_version'],
  ...['hw_version', 'serial_number', 'configuration_url', 'suggested_area', 'via_device'],
];

const MEASUREMENT = ['measurement'];
const TOTALS = ['total', 'total_increasing'];
const ALL = [...MEASUREMENT, ...TOTALS];
/** Device classes of sensors that this project may use: their units and state classes. */
const SENSOR_CLASSES: Readonly<Record<string, readonly [units: string, states: string[]]>> = {
  apparent_power: ['mVA VA kVA', MEASUREMENT],
  battery: ['%', MEASUREMENT],
  carbon_dioxide: ['ppm', MEASUREMENT],
  current: ['A mA', MEASUREMENT],
  distance: ['km m cm mm in ft yd mi nmi', ALL],
  duration: ['d h min s ms', ALL],
  energy: ['J kJ MJ GJ mWh Wh kWh MWh GWh TWh cal kcal Mcal Gcal', TOTALS],
  frequency: ['Hz kHz MHz GHz', MEASUREMENT],
  humidity: ['%', MEASUREMENT],
  illuminance: ['lx', MEASUREMENT],
  irradiance: ['W/m² BTU/(h⋅ft²)', MEASUREMENT],
  power: ['mW W kW MW GW TW', MEASUREMENT],
  pressure: ['Pa hPa kPa mbar cbar bar psi mmHg inHg', MEASUREMENT],
  reactive_power: ['var kvar', MEASUREMENT],
  signal_strength: ['dB dBm', MEASUREMENT],
  speed: ['m/s km/h mm/s mm/d mm/h in/d in/h in/s ft/s mph kn', MEASUREMENT],
  temperature: ['°C °F K', MEASUREMENT],
  voltage: ['V mV kV MV', MEASUREMENT],
  volume: ['L mL m³ gal ft³', TOTALS],
  volume_flow_rate: ['m³/h L/min ft³/min gal/min mL/s', MEASUREMENT],
  volume_storage: ['L mL m³ gal ft³', MEASUREMENT],
  weight: ['kg g mg oz lb st', ALL],
};
const BINARY_CLASSES = ['power', 'problem'];

type Fields = Readonly<Record<string, unknown>>;

/** Every statement of the documentation that the message breaks; an empty payload removes the device and is fine. */
export function discoveryProblems(topic: string, payload: string): string[] {
  const problems: string[] = [];
  if (!/^[^+#]+\/device\/[a-zA-Z0-9_-]+\/config$/.test(topic)) problems.push(`topic ${topic}`);
  if (payload === '') return problems;
  const { dev, o, cmps, ...shared } = JSON.parse(payload) as Record<string, Fields>;
  const unknown = (keys: string[], map: Fields, where: string): void => {
    for (const key of Object.keys(map)) if (!keys.includes(key)) problems.push(`${where}: ${key}`);
  };
  unknown(SHARED, shared, 'shared');
  unknown(DEVICE, dev ?? {}, 'dev');
  unknown(['name', 'sw_version', 'support_url'], o ?? {}, 'o');
  if (!Array.isArray(dev?.identifiers) || dev.identifiers.length === 0) problems.push('dev: no id');
  if (typeof o?.name !== 'string') problems.push('o: no name');
  problems.push(...availabilityProblems('shared', shared));
  const ids = new Set<string>();
  for (const [id, component] of Object.entries((cmps ?? {}) as Record<string, Fields>)) {
    const { p, unique_id } = component;
    const platform = PLATFORMS[String(p)];
    if (!platform) problems.push(`${id}: platform ${p}`);
    // With nothing but its platform it is removed.
    if (!platform || Object.keys(component).length === 1) continue;
    unknown(platform.keys, component, id);
    for (const key of platform.required) {
      if (typeof component[key] !== 'string') problems.push(`${id}: no ${key}`);
    }
    if (typeof unique_id !== 'string') problems.push(`${id}: no unique_id`);
    if (ids.has(`${p} ${unique_id}`)) problems.push(`${id}: unique_id twice`);
    ids.add(`${p} ${unique_id}`);
    problems.push(...availabilityProblems(id, component), ...valueProblems(id, component));
  }
  return problems;
}

function availabilityProblems(where: string, map: Fields): string[] {
  const { availability, availability_topic, availability_mode = 'latest' } = map;
  const problems: string[] = [];
  if (availability !== undefined && availability_topic !== undefined) problems.push('both');
  if (!['all', 'any', 'latest'].includes(String(availability_mode))) problems.push('mode');
  const known = ['topic', 'payload_available', 'payload_not_available', 'value_template'];
  for (const one of (availability ?? []) as Fields[]) {
    if (typeof one.topic !== 'string' || /[+#]/.test(one.topic)) problems.push('topic');
    for (const key of Object.keys(one)) if (!known.includes(key)) problems.push(key);
  }
  return problems.map((problem) => `${where}: availability: ${problem}`);
}

function valueProblems(id: string, component: Fields): string[] {
  const { p, device_class, state_class, unit_of_measurement: unit } = component;
  const problems: string[] = [];
  for (const [key, value] of Object.entries(component)) {
    if (key.endsWith('_topic') && /[+#]/.test(String(value))) problems.push(`${key} ${value}`);
    if (key.endsWith('_template') && !/^\{\{ .* \}\}$/.test(String(value))) problems.push(key);
  }
  if (p === 'binary_sensor' && device_class !== undefined) {
    if (!BINARY_CLASSES.includes(String(device_class))) problems.push(`class ${device_class}`);
  }
  if (p === 'switch' && ![undefined, 'outlet', 'switch'].includes(device_class as string)) {
    problems.push(`class ${device_class}`);
  }
  if (p === 'number') {
    const { min = 1, max = 100, step = 1, mode = 'auto' } = component;
    if (!(Number(min) < Number(max))) problems.push(`min ${min}, max ${max}`);
    if (!(Number(step) >= 0.001)) problems.push(`step ${step}`);
    if (!['auto', 'box', 'slider'].includes(String(mode))) problems.push(`mode ${mode}`);
    if (device_class !== undefined && !SENSOR_CLASSES[String(device_class)]) {
      problems.push(`class ${device_class}`);
    }
  }
  if (p === 'sensor' && state_class !== undefined && !ALL.includes(String(state_class))) {
    problems.push(`state class ${state_class}`);
  }
  if (p === 'sensor' && device_class !== undefined) {
    const [units = '', states = []] = SENSOR_CLASSES[String(device_class)] ?? [];
    if (!units.split(' ').includes(String(unit))) problems.push(`${device_class} in ${unit}`);
    if (!states.includes(String(state_class))) problems.push(`${device_class} is ${state_class}`);
  }
  return problems.map((problem) => `${id}: ${problem}`);
}

/**
 * The entities of a Home Assistant that receives these messages. An entity that a message leaves out stays: only its
 * platform alone, or an empty message on the topic, removes it.
 */
export class HomeAssistantModel {
  readonly problems: string[] = [];
  readonly #devices = new Map<string, Map<string, Fields>>();

  receive(topic: string, payload: string): void {
    this.problems.push(...discoveryProblems(topic, payload));
    if (payload === '') {
      this.#devices.delete(topic);
      return;
    }
    const entities = this.#devices.get(topic) ?? new Map<string, Fields>();
    this.#devices.set(topic, entities);
    const { cmps } = JSON.parse(payload) as { cmps: Record<string, Fields> };
    for (const [id, component] of Object.entries(cmps)) {
      const key = `${component.p} ${id}`;
      if (Object.keys(component).length === 1) entities.delete(key);
      else entities.set(key, component);
    }
  }

  get topics(): string[] {
    return [...this.#devices.keys()];
  }

  /** Platform and topic of each entity, sorted. */
  get entities(): string[] {
    const all = [...this.#devices.values()].flatMap((entities) => [...entities.values()]);
    return all.map(({ p, state_topic }) => `${p} ${state_topic}`).sort();
  }
}
