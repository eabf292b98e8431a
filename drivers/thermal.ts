import {
  defineDriver,
  deviceOptions,
  findDevice,
  keepDevice,
  kernelNumber,
  z,
} from '../src/driver-kit/driver.ts';

const ZONES = {
  called: 'thermal zone',
  folder: '/sys/class/thermal',
  entries: /^thermal_zone\d+$/,
  nameFile: 'type',
};

export default defineDriver({
  name: 'thermal',
  summary: 'A thermal zone of the kernel, such as that of the processor',
  bus: 'files',
  options: z.strictObject({
    zone: z
      .string()
      .regex(/^[^/\n]{1,64}$/, { error: 'a type such as cpu-thermal' })
      .default('cpu-thermal')
      .describe('The type in /sys/class/thermal/thermal_zone*/type.'),
    at: deviceOptions.at.describe('Which one of several with this type, e.g. thermal_zone0.'),
  }),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(files, { zone, at }) {
    const folder = await findDevice(files, ZONES, { name: zone, at });
    const checkDevice = await keepDevice(files, folder);
    return {
      async read() {
        await checkDevice();
        const text = await files.read(`${folder}/temp`, folder);
        return { '': { value: kernelNumber(text, zone) / 1000 } };
      },
    };
  },
});
