import {
  defineDriver,
  deviceName,
  deviceOptions,
  findDevice,
  type KernelFiles,
  keepDevice,
  kernelNumber,
  z,
} from '../src/driver-kit/driver.ts';

const DEVICES = {
  called: 'iio device',
  folder: '/sys/bus/iio/devices',
  entries: /^iio:device\d+$/,
  nameFile: 'name',
  labelFile: 'label',
};

interface Kind {
  readonly unit: string;
  /** By how much the kernel's value is divided for the unit. */
  readonly divisor: number;
  /** Whether a raw value without a scale has a meaning: Documentation/ABI names no unit for it. */
  readonly isCount?: true;
}

/** The types of channels: Documentation/ABI/testing/sysfs-bus-iio. */
const KINDS: Readonly<Record<string, Kind>> = {
  voltage: { unit: 'V', divisor: 1000 },
  current: { unit: 'A', divisor: 1000 },
  power: { unit: 'W', divisor: 1000 },
  energy: { unit: 'J', divisor: 1 },
  temp: { unit: '°C', divisor: 1000 },
  humidityrelative: { unit: '%', divisor: 1000 },
  pressure: { unit: 'hPa', divisor: 0.1 },
  illuminance: { unit: 'lx', divisor: 1 },
  accel: { unit: 'm/s²', divisor: 1 },
  anglvel: { unit: 'rad/s', divisor: 1 },
  angl: { unit: 'rad', divisor: 1 },
  incli: { unit: '°', divisor: 1 },
  magn: { unit: 'G', divisor: 1 },
  resistance: { unit: 'Ω', divisor: 1 },
  capacitance: { unit: 'nF', divisor: 1 },
  electricalconductivity: { unit: 'S/m', divisor: 1 },
  concentration: { unit: '%', divisor: 1 },
  phase: { unit: 'rad', divisor: 1 },
  distance: { unit: 'm', divisor: 1 },
  colortemp: { unit: 'K', divisor: 1 },
  proximity: { unit: '', divisor: 1, isCount: true },
  intensity: { unit: '', divisor: 1, isCount: true },
  count: { unit: '', divisor: 1, isCount: true },
  index: { unit: '', divisor: 1, isCount: true },
};

const TYPES = Object.keys(KINDS).join('|');
/**
 * The kernel's names (industrialio-core.c): a type, its number; for a differential channel the type and number of the
 * other side; a modifier such as `_x` or `_object`; a name of the driver's own such as `_vccint`.
 */
const CHANNEL = new RegExp(`^(${TYPES})(\\d+)?(-\\1\\d+)?((?:_[a-z0-9]+)*)$`);

/** Unit and divisor of a channel such as `voltage0`, `voltage0-voltage1` or `accel_x`. */
export function kindOf(channel: string): Kind {
  const type = CHANNEL.exec(channel)?.[1] ?? '';
  return KINDS[type] ?? { unit: '', divisor: 1 };
}

/** The files that may have the scale or the offset of a channel: its own, then shared by type, by direction, by all. */
export function namesOf(channel: string, property: 'scale' | 'offset'): readonly string[] {
  const [, type = '', , other] = CHANNEL.exec(channel) ?? [];
  const differential = other === undefined ? [] : [`in_${type}-${type}_${property}`];
  const shared = [`in_${type}_${property}`, `in_${property}`, property];
  return [`in_${channel}_${property}`, ...differential, ...shared];
}

export default defineDriver({
  name: 'iio',
  summary: "A channel of the kernel's industrial I/O: converters and sensors with a kernel driver",
  bus: 'files',
  options: z.strictObject({
    device: deviceName('a name such as ads1015 or bme280').describe(
      'The name in /sys/bus/iio/devices/iio:device*/name.',
    ),
    ...deviceOptions,
    channel: z
      .string()
      .regex(CHANNEL, {
        error: `a channel such as voltage0, voltage0-voltage1, accel_x or temp: ${Object.keys(KINDS).join(', ')}`,
      })
      .describe('Which value: the file in_<channel>_input or in_<channel>_raw.'),
  }),
  channels: ({ channel }) => [{ name: '', unit: kindOf(channel).unit, kind: 'number' }],
  async open(files, { device, channel, at, deviceLabel }) {
    const folder = await findDevice(files, DEVICES, { name: device, at, label: deviceLabel });
    const checkDevice = await keepDevice(files, folder);
    return {
      async read() {
        await checkDevice();
        return {
          '': { value: (await processed(files, folder, channel)) / kindOf(channel).divisor },
        };
      },
    };
  },
});

/** The value in the kernel's unit: `_input` where it exists, else (raw + offset) * scale. */
async function processed(files: KernelFiles, folder: string, channel: string): Promise<number> {
  const number = async (name: string): Promise<number | undefined> => {
    const text = await files.read(`${folder}/${name}`, folder).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    return text === undefined ? undefined : kernelNumber(text, name);
  };
  const first = async (names: readonly string[]): Promise<number | undefined> => {
    for (const name of names) {
      const value = await number(name);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const input = await number(`in_${channel}_input`);
  if (input !== undefined) return input;
  const raw = await number(`in_${channel}_raw`);
  if (raw === undefined) throw new Error(`no channel ${channel} in ${folder}`);
  const offset = (await first(namesOf(channel, 'offset'))) ?? 0;
  const scale = await first(namesOf(channel, 'scale'));
  const { unit, isCount } = kindOf(channel);
  if (scale === undefined && !isCount)
    throw new Error(`in_${channel}_raw has no scale, so it is not in ${unit}`);
  return (raw + offset) * (scale ?? 1);
}
