import {
  defineDriver,
  deviceName,
  deviceOptions,
  findDevice,
  keepDevice,
  kernelNumber,
  z,
} from '../src/driver-kit/driver.ts';

/** Units, and by how much the file's value is divided: the kernel's Documentation/hwmon/sysfs-interface. */
const KINDS = {
  temp: { unit: '°C', divisor: 1000 },
  in: { unit: 'V', divisor: 1000 },
  curr: { unit: 'A', divisor: 1000 },
  power: { unit: 'W', divisor: 1_000_000 },
  energy: { unit: 'J', divisor: 1_000_000 },
  humidity: { unit: '%', divisor: 1000 },
  fan: { unit: '1/min', divisor: 1 },
} as const;

/** Unit and divisor of an input such as `temp1`. */
export function kindOf(input: string): { readonly unit: string; readonly divisor: number } {
  const name = input.replace(/\d+$/, '') as keyof typeof KINDS;
  return KINDS[name];
}

export default defineDriver({
  name: 'hwmon',
  summary: "A temperature, voltage, current, power or fan of the kernel's hardware monitoring",
  bus: 'files',
  options: z.strictObject({
    chip: deviceName('a name such as cpu_thermal or rpi_volt').describe(
      'The name in /sys/class/hwmon/hwmon*/name, e.g. cpu_thermal.',
    ),
    ...deviceOptions,
    input: z
      .string()
      .regex(/^(temp|in|curr|power|energy|humidity|fan)\d+$/, {
        error: 'an input such as temp1, in0, fan1, curr1 or power1',
      })
      .default('temp1')
      .describe('Which value: temp1, in0, fan1, curr1, power1, energy1 or humidity1.'),
  }),
  channels: ({ input }) => [{ name: '', unit: kindOf(input).unit }],
  async open(files, { chip, input, at, deviceLabel }) {
    const hwmon = {
      called: 'hwmon chip',
      folder: '/sys/class/hwmon',
      entries: /^hwmon\d+$/,
      nameFile: 'name',
      labelFile: `${input}_label`,
    };
    const folder = await findDevice(files, hwmon, { name: chip, at, label: deviceLabel });
    const checkDevice = await keepDevice(files, folder);
    return {
      async read() {
        await checkDevice();
        const fault = await files.read(`${folder}/${input}_fault`, folder).catch(() => '0');
        if (fault.trim() === '1') return { '': { value: null, reason: `${chip} reports a fault` } };
        const text = await files.read(`${folder}/${input}_input`, folder);
        const value = kernelNumber(text, `${input} of ${chip}`);
        return { '': { value: value / kindOf(input).divisor } };
      },
    };
  },
});
