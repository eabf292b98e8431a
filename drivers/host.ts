import {
  defineDriver,
  type KernelFiles,
  kernelNumber,
  type Sample,
  z,
} from '../src/driver-kit/driver.ts';

/** Time the processors have spent since boot, in the kernel's ticks. */
export interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

/** Times from the first line of /proc/stat (proc_stat(5)). Guest time is part of user time, so it is not added again. */
export function parseCpu(stat: string): CpuTimes {
  const match = /^cpu +(.*)$/m.exec(stat);
  const ticks = (match?.[1] ?? '').split(' ').slice(0, 8).map(Number);
  const [, , , idle, waiting] = ticks;
  const total = ticks.reduce((sum, time) => sum + time, 0);
  if (idle === undefined || !Number.isFinite(total))
    throw new Error('/proc/stat has no line "cpu"');
  return { idle: idle + (waiting ?? 0), total };
}

/** Percent of the time between two readings in which the processors were busy; undefined when no tick has passed. */
export function toCpuUsed(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  return total > 0 ? Math.max(0, 100 * (1 - (after.idle - before.idle) / total)) : undefined;
}

/** Percent of the memory that is not available to programs, from /proc/meminfo's MemTotal and MemAvailable. */
export function toMemoryUsed(meminfo: string): number {
  const kilobytes = (key: string): number =>
    Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1]);
  const used = 100 * (1 - kilobytes('MemAvailable') / kilobytes('MemTotal'));
  if (!Number.isFinite(used)) throw new Error('/proc/meminfo has no MemTotal or MemAvailable');
  return used;
}

/** The file with the processor's temperature in thousandths of a degree: a thermal zone, else a hwmon input. */
async function findThermometer(files: KernelFiles): Promise<string | undefined> {
  const zones = await candidates(files, '/sys/class/thermal', /^thermal_zone\d+$/, 'type', 'temp');
  const monitors = await candidates(files, '/sys/class/hwmon', /^hwmon\d+$/, 'name', 'temp1_input');
  const all = [...zones, ...monitors];
  return (all.find(({ kind }) => /cpu|soc|x86_pkg|k10temp|coretemp/.test(kind)) ?? all[0])?.path;
}

async function candidates(
  files: KernelFiles,
  folder: string,
  pattern: RegExp,
  kindFile: string,
  valueFile: string,
): Promise<{ path: string; kind: string }[]> {
  const names = await files.list(folder).catch((): string[] => []);
  const found: { path: string; kind: string }[] = [];
  for (const name of names.filter((one) => pattern.test(one))) {
    const inside = await files.list(`${folder}/${name}`).catch((): string[] => []);
    if (!inside.includes(valueFile)) continue;
    const kind = await files.read(`${folder}/${name}/${kindFile}`).catch(() => '');
    found.push({ path: `${folder}/${name}/${valueFile}`, kind });
  }
  return found;
}

/** One channel, to two decimals; its failure must not affect the other channels. */
async function sample(take: () => Promise<Sample>): Promise<Sample> {
  try {
    const { value, ...rest } = await take();
    return { value: typeof value === 'number' ? Number(value.toFixed(2)) : value, ...rest };
  } catch (error) {
    return { value: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

export default defineDriver({
  name: 'host',
  summary: 'The computer itself: processor, memory and disk in use, uptime, temperature',
  bus: 'files',
  options: z.strictObject({
    disk: z
      .string()
      .startsWith('/', 'a path that begins with /')
      .default('/')
      .describe('A path on the file system that the channel `disk` measures.'),
  }),
  channels: () => [
    { name: 'cpu', unit: '%' },
    { name: 'memory', unit: '%' },
    { name: 'disk', unit: '%' },
    { name: 'uptime', unit: 's' },
    { name: 'temperature', unit: '°C', range: [-40, 125] },
  ],
  async open(files, { disk }) {
    let before: CpuTimes | undefined;
    let thermometer: string | undefined;

    const cpu = async (): Promise<Sample> => {
      const after = parseCpu(await files.read('/proc/stat'));
      const value = toCpuUsed(before ?? { idle: 0, total: 0 }, after);
      const first = before === undefined;
      before = after;
      if (value === undefined) return { value: null, reason: 'no processor time has passed' };
      return first ? { value, quality: 'uncertain', reason: 'mean since boot' } : { value };
    };
    const memory = async (): Promise<Sample> => ({
      value: toMemoryUsed(await files.read('/proc/meminfo')),
    });
    const used = async (): Promise<Sample> => {
      const space = await files.space(disk);
      if (space.total === 0) throw new Error(`the file system of ${disk} does not report its size`);
      return { value: 100 * (1 - space.free / space.total) };
    };
    const uptime = async (): Promise<Sample> => ({
      value: kernelNumber((await files.read('/proc/uptime')).split(' ')[0] ?? '', '/proc/uptime'),
    });
    const temperature = async (): Promise<Sample> => {
      thermometer ??= await findThermometer(files);
      if (thermometer === undefined) throw new Error('no thermal zone on this machine');
      return {
        value: kernelNumber(await files.read(thermometer, thermometer), thermometer) / 1000,
      };
    };

    return {
      read: async () => ({
        cpu: await sample(cpu),
        memory: await sample(memory),
        disk: await sample(used),
        uptime: await sample(uptime),
        temperature: await sample(temperature),
      }),
    };
  },
});
