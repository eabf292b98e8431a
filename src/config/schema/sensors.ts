import { z } from 'zod';
import { hex } from '../../buses/i2c-device.ts';
import type { Channel, Driver, Drivers } from '../../driver-kit/driver.ts';
import type { PayloadForm } from '../../driver-kit/reading.ts';
import { duration } from '../../driver-kit/units.ts';
import { alternatives, didYouMean } from '../yaml/suggestion.ts';
import { type AlarmConfig, alarmSchema } from './alarms.ts';
import { type ChannelFilters, channelFiltersSchema } from './channel-filters.ts';
import { ownDriver } from './driver-words.ts';
import { mapSuchAs, text } from './values.ts';

/** One sensor, its defaults filled in: milliseconds, `bus` as `i2c-1`, `options` as the driver's own schema gives them. */
export interface SensorConfig extends SensorHeading {
  readonly name: string;
  readonly driver: string;
  readonly bus?: string;
  readonly address?: number;
  readonly line?: string;
  readonly lines?: readonly string[];
  readonly every: number;
  readonly timeout: number;
  readonly payload: PayloadForm;
  /** How long a reading is worth something, in milliseconds; undefined for always. */
  readonly expires?: number;
  /** How far back it is kept; undefined is an hour. */
  readonly history?: HistoryConfig;
  /** The channels that are published; undefined for all. */
  readonly channels?: readonly string[];
  readonly filters: ChannelFilters;
  readonly alarms?: readonly AlarmConfig[];
  /** A second topic for its readings. */
  readonly mirror?: MirrorConfig;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Where the readings of a sensor are published once more: several channels on `<topic>/<channel>`. */
export interface MirrorConfig {
  readonly topic: string;
  readonly payload: PayloadForm;
}

/** The last hour in memory, the last day in the store, or for `keep` milliseconds in another file. */
export type HistoryConfig = 'hour' | 'day' | { readonly keep: number };

const HISTORY = 'hour, day, or how long it is kept, such as { keep: 90d }';
const historySchema = z.union(
  [
    z.enum(['hour', 'day'], { error: HISTORY }),
    z.strictObject({ keep: duration('1d', '3650d') }, { error: HISTORY }),
  ],
  { error: HISTORY },
);

/** What the page calls a sensor, and the heading under which it shows it. */
export interface SensorHeading {
  readonly label?: string;
  readonly group?: string;
}

/** The keys that are in the config. */
export function headingOf({ label, group }: SensorHeading): SensorHeading {
  return { ...(label === undefined ? {} : { label }), ...(group === undefined ? {} : { group }) };
}

/** The schema of `payload`, for the whole config and for one sensor. */
export const payloadSchema = z
  .enum(['json', 'value'])
  .describe('Form of readings: json (value, unit, quality, time) or value (the bare value).');

/** The channels that a sensor publishes. */
export function channelsOf(
  { channels, options }: Pick<SensorConfig, 'channels' | 'options'>,
  driver: Driver,
): readonly Channel[] {
  const all = driver.channels(options);
  return channels === undefined ? all : all.filter(({ name }) => channels.includes(name));
}

/** The schema of a name, which becomes part of topics. */
export const nameSchema = text(
  'a name such as temperature or door/closed',
  /^(?!\$)[^/+#]+(\/[^/+#]+)*$/,
  128,
  (name) => {
    if (/[+#]/.test(name)) return 'a name without + and #, which stand for other topics';
    if (name.startsWith('$'))
      return "a name that does not start with $, the mark of the broker's own";
    return name.includes('/') ? 'a word on both sides of every "/"' : undefined;
  },
);
/** Longest default of `timeout`. */
const LONGEST_TIMEOUT_MS = 5000;
/** Shortest default: with less, a busy scheduler would look like a broken sensor. */
const SHORTEST_TIMEOUT_MS = 100;

/** The default of `timeout`, in milliseconds. */
export function usualTimeout(every: number): number {
  return Math.max(SHORTEST_TIMEOUT_MS, Math.min(every, LONGEST_TIMEOUT_MS));
}

const mirrorSchema = z.strictObject(
  {
    topic: text(
      'a topic such as display/pressure: no + or #',
      /^(?!\$)[^/+#]+(\/[^/+#]+)*$/,
      256,
    ).describe(
      'Topic of the second copy, from its first level on; of a sensor with several channels `<topic>/<channel>`.',
    ),
    payload: z
      .enum(['json', 'value'])
      .default('value')
      .describe('Form of the copy: value (the bare value, null while it is bad) or json.'),
  },
  mapSuchAs('{ topic: display/pressure, payload: value }'),
);

const sensorShape = {
  every: duration('10ms', '1d').prefault('1s').describe('Time from one read to the next.'),
  timeout: duration('10ms', '10m')
    .optional()
    .describe(
      'A read that takes longer is published as bad. Default: `every`, but at least 100ms and at most 5s.',
    ),
  payload: payloadSchema
    .optional()
    .describe(
      'Form of the readings of this sensor: json or value. Default: the payload of the whole config.',
    ),
  expires: duration('1s', '30d')
    .optional()
    .describe(
      'How long a reading is worth something, at least `every` and the times of throttle and heartbeat: after that it is no longer delivered, and its retained value is deleted (message expiry of MQTT 5). Default: it does not expire.',
    ),
  label: text('a text such as Left guard', /\S/, 80)
    .optional()
    .describe('What the page calls the sensor. Default: its name.'),
  group: text('a text such as Cabinet', /\S/, 80)
    .optional()
    .describe(
      'The heading under which the page shows the sensor. Default: the first level of its name.',
    ),
  history: historySchema
    .prefault('hour')
    .describe(
      'How far back the values are kept: `hour`, in memory; `day`, in the store; or `{ keep: 90d }`, as seconds, minutes and hours in `history.db` beside the store.',
    ),
  channels: z
    .array(z.string(), { error: 'a list of channels such as [temperature]' })
    .min(1, { error: 'at least one channel' })
    .optional()
    .describe('Channels that are published, for a sensor with several. Default: all.'),
  alarms: z
    .array(alarmSchema, { error: 'a list of alarms such as [{ name: hot, above: 70 }]' })
    .max(32, { error: 'at most 32 alarms' })
    .optional()
    .describe('Alarms of the sensor, published on `<cell>/alarm/<sensor>/<name>`.'),
  mirror: mirrorSchema
    .optional()
    .describe(
      'Publishes each reading once more on another topic, retained, for a receiver that needs another topic or a bare value.',
    ),
  filters: channelFiltersSchema
    .prefault([])
    .describe(
      'Filters in the order in which they work, each a map with one key. For a sensor with several channels also a map of such lists by channel, `*` for all others.',
    ),
};

const busError = ({ input }: { input?: unknown }): string =>
  `an I2C bus such as i2c-1${/^\d+$/.test(`${input}`) ? ` (did you mean i2c-${input}?)` : ''}`;
const busSchema = z
  .string({ error: busError })
  .regex(/^(\/dev\/)?i2c-\d{1,3}(\/0x7[0-7]\/[0-7])?$/, { error: busError })
  .transform((bus) => bus.replace('/dev/', ''));

const lineError = ({ input }: { input?: unknown }): string =>
  `a line such as DI0, GPIO17 or gpiochip0:17${/^\d+$/.test(`${input}`) ? ` (did you mean GPIO${input}?)` : ''}`;
/** The form of a GPIO line in the config. */
export const LINE = /^(gpiochip\d{1,3}:\d{1,4}|(?!\d+$)[A-Za-z0-9][A-Za-z0-9_.+-]{0,31})$/;
/** The schema of a GPIO line. */
export const lineSchema = z.string({ error: lineError }).regex(LINE, { error: lineError });

/** A suggestion for an address that was copied as 48 from a table of hexadecimal addresses, or written in quotes. */
function meantAddress(input: unknown, fits: (address: number) => boolean): string {
  const address = Number.parseInt(String(input), 16);
  return fits(address) ? ` (did you mean ${hex(address)}?)` : '';
}

function chipAddress(name: string, addresses: readonly number[]) {
  const expected = `an address that the ${name} can have: ${addresses.map(hex).join(', ')}`;
  return z
    .literal([...addresses], {
      error: ({ input }) => expected + meantAddress(input, (one) => addresses.includes(one)),
    })
    .prefault(addresses[0]!);
}

function anyAddress() {
  const error = ({ input }: { input?: unknown }): string =>
    `an address from 0x08 to 0x77${typeof input === 'string' ? meantAddress(input, (one) => one >= 0x08 && one <= 0x77) : ''}`;
  return z.int({ error }).min(0x08, { error }).max(0x77, { error });
}

function wiring(driver: Driver): z.core.$ZodLooseShape {
  if (driver.bus === 'gpio-input') {
    return { line: lineSchema.describe('Input line: DI0, GPIO17 or gpiochip0:17.') };
  }
  if (driver.bus === 'gpio-inputs') {
    const roles = driver.lines ?? [];
    const expected = `${roles.length} lines of one chip such as [DI0, DI1]: ${roles.join(', ')}`;
    const lines = z
      .array(lineSchema, { error: expected })
      .length(roles.length, { error: expected });
    return { lines: lines.describe(`Input lines of one chip: ${roles.join(', ')}.`) };
  }
  if (driver.bus !== 'i2c') return {};
  const { addresses } = driver;
  const address = addresses?.[0] ? chipAddress(driver.name, addresses) : anyAddress();
  return {
    bus: busSchema.describe(
      'I2C bus: i2c-1 or /dev/i2c-1; i2c-1/0x70/3 is channel 3 of a TCA9548A at 0x70.',
    ),
    address: address.describe('I2C address, best written in hex, e.g. 0x48.'),
  };
}

type SensorInput = Omit<SensorConfig, 'payload' | 'timeout' | 'options'> &
  Partial<Pick<SensorConfig, 'payload' | 'timeout'>> &
  Readonly<Record<string, unknown>>;

/** A sensor before the payload of the whole config is filled in. */
export type PartialSensor = Omit<SensorConfig, 'payload'> & { readonly payload?: PayloadForm };

function sensorOf(driver: Driver) {
  const shape = {
    name: nameSchema.describe('Topic below the cell, e.g. door/closed; unique.'),
    driver: z.literal(driver.name).describe(driver.summary),
    ...sensorShape,
    ...wiring(driver),
  };
  const optionKeys = Object.keys(driver.options.shape);
  const taken = optionKeys.find(
    (key) => key in shape || ['bus', 'address', 'line', 'lines'].includes(key),
  );
  if (taken) throw new Error(`driver ${driver.name}: every sensor has a key "${taken}" already`);
  return driver.options
    .safeExtend(shape)
    .strict()
    .transform((sensor): PartialSensor => {
      const { every, timeout, ...rest } = sensor as unknown as SensorInput;
      const common = Object.entries(rest).filter(([key]) => !optionKeys.includes(key));
      const options = Object.entries(rest).filter(([key]) => optionKeys.includes(key));
      return {
        ...(Object.fromEntries(common) as Omit<PartialSensor, 'every' | 'timeout' | 'options'>),
        every,
        timeout: timeout ?? usualTimeout(every),
        options: Object.fromEntries(options),
      };
    });
}

/** The schema of one sensor: the variant that its `driver` names, with that driver's options at the same level. */
export function sensorSchema(drivers: Drivers) {
  const [first, ...others] = [...drivers.values()].map(sensorOf);
  if (!first) throw new Error('the table of drivers is empty');
  const names = [...drivers.keys()];
  return z.discriminatedUnion('driver', [first, ...others], {
    error: ({ code, input }) => {
      if (code !== 'invalid_union')
        return 'a map such as { name: door, driver: digital-input, line: DI0 }';
      const given = String((input as { driver?: unknown }).driver ?? '');
      const meant = ownDriver(given, names);
      const advice = meant === undefined ? didYouMean(given, names) : ` (did you mean ${meant}?)`;
      const none = given === '' ? '' : '; for another chip: docs/write-a-driver.md';
      return `a driver: ${alternatives(names)}${advice || none}`;
    },
  });
}
