import { defineDriver, type KernelFiles, z } from '../src/driver-kit/driver.ts';

const FOLDER = '/sys/bus/iio/devices';

/** Units, and by how much the kernel's value is divided: Documentation/ABI/testing/sysfs-bus-iio. */
const KINDS = {
  voltage: { unit: 'V', divisor: 1000 },
  current: { unit: 'A', divisor: 1000 },
  power: { unit: 'W', divisor: 1000 },
  temp: { unit: '°C', divisor: 1000 },
  humidityrelative: { unit: '%', divisor: 1000 },
  pressure: { unit: 'hPa', divisor: 0.1 },
  illuminance: { unit: 'lx', divisor: 1 },
  accel: { unit: 'm/s²', divisor: 1 },
  anglvel: { unit: 'rad/s', divisor: 1 },
  magn: { unit: 'G', divisor: 1 },
  resistance: { unit: 'Ω', divisor: 1 },
  distance: { unit: 'm', divisor: 1 },
} as const;

/** Unit and divisor of a channel such as `voltage0` or `accel_x`. */
export function kindOf(channel: string): { readonly unit: string; readonly divisor: number } {
  const name = /^[a-z]+/.exec(channel)?.[0] as keyof typeof KINDS;
  return KINDS[name];
}

export default defineDriver({
  name: 'iio',
  summary: "A channel of the kernel's industrial I/O: converters and sensors with a kernel driver",
  bus: 'files',
  options: z.strictObject({
    device: z
      .string()
      .regex(/^[\w.,-]+$/, { error: 'a name such as ads1015 or bme280' })
      .describe('The name in /sys/bus/iio/devices/iio:device*/name.'),
    channel: z
      .string()
      .regex(new RegExp(`^(${Object.keys(KINDS).join('|')})(\\d+(-voltage\\d+)?|_[a-z]+)?$`), {
        error: `a channel such as voltage0, accel_x or temp: ${Object.keys(KINDS).join(', ')}`,
      })
      .describe('Which value: the file in_<channel>_input or in_<channel>_raw.'),
  }),
  channels: ({ channel }) => [{ name: '', unit: kindOf(channel).unit }],
  async open(files, { device, channel }) {
    const folder = await findDevice(files, device);
    return {
      read: async () => ({
        '': { value: (await processed(files, folder, channel)) / kindOf(channel).divisor },
      }),
    };
  },
});

/** The value in the kernel's unit: `_input` where it exists, else (raw + offset) * scale. */
async function processed(files: KernelFiles, folder: string, channel: string): Promise<number> {
  const number = async (name: string): Promise<number | undefined> => {
    const text = await files.read(`${folder}/in_${name}`).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const value = Number(text.trim());
    if (text.trim() === '' || Number.isNaN(value)) {
      throw new Error(`in_${name} is no number: "${text}"`);
    }
    return value;
  };
  /** Scale and offset may be those of all channels of a kind. */
  const kind = channel.replace(/(\d+(-voltage\d+)?|_[a-z]+)$/, '');
  const input = await number(`${channel}_input`);
  if (input !== undefined) return input;
  const raw = await number(`${channel}_raw`);
  if (raw === undefined) throw new Error(`no channel ${channel} in ${folder}`);
  const offset = (await number(`${channel}_offset`)) ?? (await number(`${kind}_offset`)) ?? 0;
  const scale = (await number(`${channel}_scale`)) ?? (await number(`${kind}_scale`)) ?? 1;
  return (raw + offset) * scale;
}

async function findDevice(files: KernelFiles, device: string): Promise<string> {
  const entries = await files.list(FOLDER).catch((): string[] => []);
  const names: string[] = [];
  for (const entry of entries.filter((name) => name.startsWith('iio:device'))) {
    const name = (await files.read(`${FOLDER}/${entry}/name`).catch(() => '')).trim();
    if (name === device) return `${FOLDER}/${entry}`;
    if (name !== '') names.push(name);
  }
  throw new Error(`no iio device ${device}, there is ${names.join(', ') || 'none'}`);
}
