import { defineDriver, type KernelFiles, z } from '../src/driver-kit/driver.ts';

const FOLDER = '/sys/class/thermal';

export default defineDriver({
  name: 'thermal',
  summary: 'A thermal zone of the kernel, such as that of the processor',
  bus: 'files',
  options: z.strictObject({
    zone: z
      .string()
      .regex(/^[\w.-]+$/, { error: 'a type such as cpu-thermal' })
      .default('cpu-thermal')
      .describe('The type in /sys/class/thermal/thermal_zone*/type.'),
  }),
  channels: () => [{ name: '', unit: '°C', range: [-40, 125] }],
  async open(files, { zone }) {
    const folder = await findZone(files, zone);
    return {
      async read() {
        const text = (await files.read(`${folder}/temp`)).trim();
        if (!/^-?\d+$/.test(text)) throw new Error(`${zone} is no number: "${text}"`);
        return { '': { value: Number(text) / 1000 } };
      },
    };
  },
});

async function findZone(files: KernelFiles, zone: string): Promise<string> {
  const entries = await files.list(FOLDER).catch((): string[] => []);
  const types: string[] = [];
  for (const entry of entries.filter((name) => name.startsWith('thermal_zone'))) {
    const type = (await files.read(`${FOLDER}/${entry}/type`).catch(() => '')).trim();
    if (type === zone) return `${FOLDER}/${entry}`;
    if (type !== '') types.push(type);
  }
  throw new Error(`no thermal zone ${zone}, there is ${types.join(', ') || 'none'}`);
}
