import { X509Certificate } from 'node:crypto';
import { access, constants, readFile } from 'node:fs/promises';
import type { KernelFiles } from '../buses/kernel-files.ts';
import { dataFolderMode } from '../config/checks/file-checks.ts';
import type { Config } from '../config/schema/schema.ts';
import type { GatewayStatus } from '../runtime/health.ts';
import { isSynchronised } from '../runtime/time-sync.ts';
import { auditResults } from './audit-results.ts';
import type { CheckResult } from './check-result.ts';

/** The data for a check. */
export interface CheckContext {
  readonly config: Config;
  readonly files: KernelFiles;
  /** Of the running gateway; undefined when none runs. */
  readonly status: GatewayStatus | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether systemd reports NTP as synchronised: `yes` or `no`; rejects if timedatectl does not answer. */
  askTimedatectl(): Promise<string>;
}

type DoctorCheck = (context: CheckContext) => Promise<readonly CheckResult[]>;

const DAY_MS = 86_400_000;
const MIB = 1024 ** 2;
/** Less free space than this is a failure. */
const LEAST_FREE = 200 * MIB;
/** A card of 16 GB with 1,000 cycles lasts for 8 years at this rate, whole-card writes counted thrice. */
const MOST_A_DAY = 2000 * MIB;
const HOT_C = 80;
const SOON_DAYS = 30;

/** All checks, in the order of the output. */
export const DOCTOR_CHECKS: Readonly<Record<string, DoctorCheck>> = {
  gateway,
  power,
  temperature,
  clock,
  disk,
  wear,
  certificates,
  devices,
  'audit log': ({ config }) => auditResults(config.data),
};

async function gateway({ status }: CheckContext): Promise<readonly CheckResult[]> {
  if (!status) {
    return [
      { found: 'no gateway runs', remedy: 'systemctl start cellgate, journalctl -u cellgate' },
    ];
  }
  const { troubles, version } = status;
  if (troubles.length === 0) return [{ found: `version ${version} runs and is healthy` }];
  return troubles.map((found) => ({ found, remedy: 'see docs/operations.md' }));
}

/** Bits of the firmware's `get_throttled`: now, and since the start. */
async function power({ files }: CheckContext): Promise<readonly CheckResult[]> {
  const text = await read(files, '/sys/devices/platform/soc/soc:firmware/get_throttled');
  if (text === undefined) return [];
  const bits = Number.parseInt(text, 16);
  const remedy = 'use a stronger supply, or a shorter and thicker cable';
  const results: CheckResult[] = [];
  if (bits & 0x1) results.push({ found: 'the supply voltage is too low now', remedy });
  else if (bits & 0x1_0000)
    results.push({ found: 'the supply voltage has been too low since the start', remedy });
  if (bits & 0xe) {
    results.push({ found: 'the processor is throttled now', remedy: 'cool the cabinet' });
  } else if (bits & 0xe_0000) {
    const found = 'the processor has been throttled since the start';
    results.push({ found, remedy: 'cool the cabinet, or use a stronger supply' });
  }
  return results.length > 0 ? results : [{ found: 'no undervoltage since the start' }];
}

async function temperature({ files }: CheckContext): Promise<readonly CheckResult[]> {
  const text = await read(files, '/sys/class/thermal/thermal_zone0/temp');
  if (text === undefined) return [];
  const celsius = Number(text) / 1000;
  const found = `${celsius.toFixed(0)} °C`;
  return [
    celsius >= HOT_C
      ? { found, remedy: 'cool the cabinet: the processor is throttled from here on' }
      : { found },
  ];
}

async function clock({ files, askTimedatectl }: CheckContext): Promise<readonly CheckResult[]> {
  const rtc = (await list(files, '/sys/class/rtc')).length > 0;
  if (await isSynchronised(files, askTimedatectl)) return [{ found: 'synchronised' }];
  const remedy = 'set a time server on the LAN: NTP= in /etc/systemd/timesyncd.conf';
  return [
    {
      found: rtc
        ? 'not synchronised; the board has a battery clock'
        : 'not synchronised, and the board has no battery clock: it is wrong after a power cut',
      remedy,
    },
  ];
}

async function disk({ config, files }: CheckContext): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  const mount = await mountOf(files, config.data);
  if (mount?.options.split(',').includes('ro')) {
    const remedy = 'look for disk errors in dmesg, then mount it writable again';
    results.push({ found: `${config.data} is on a file system that is read-only`, remedy });
  }
  if (mount) {
    const errors = Number(await read(files, `/sys/fs/ext4/${mount.device}/errors_count`));
    if (errors > 0) {
      const found = `the file system on ${mount.device} has counted ${errors} errors`;
      results.push({ found, remedy: 'make a backup, run fsck and plan a new card' });
    }
  }
  const space = await files.space(config.data).catch(() => undefined);
  if (!space) {
    results.push({
      found: `${config.data} does not exist`,
      remedy: 'the first start creates it',
    });
  } else {
    const found = `${(space.free / MIB).toFixed(0)} MiB free for ${config.data}`;
    const remedy = 'free some space: on a full disk no message is acknowledged';
    results.push(space.free < LEAST_FREE ? { found, remedy } : { found });
  }
  const open = await dataFolderMode(config.data);
  if (open) results.push(open);
  return results;
}

/** The wear that the card reports, and the amount that the gateway writes to it. */
async function wear({ config, files, status, now }: CheckContext): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  const mount = await mountOf(files, config.data);
  const card = mount && diskOf(mount.device);
  const life = card && (await read(files, `/sys/block/${card}/device/life_time`));
  const used = life?.split(/\s+/).map((one) => Number.parseInt(one, 16));
  if (card && used) {
    const worst = Math.max(...used) * 10;
    const found = `${card} has used up to ${worst} % of its lifetime`;
    results.push(worst >= 80 ? { found, remedy: 'plan a new card' } : { found });
  }
  const reserve = status?.store.wear?.reserve;
  if (reserve === 'warning' || reserve === 'urgent') {
    const part = reserve === 'urgent' ? 90 : 80;
    results.push({
      found: `${part} % of the reserve blocks of the disk are used`,
      remedy: 'replace the card',
    });
  }
  const ran = status && now - status.started;
  if (status && ran && ran > 3_600_000) {
    const aDay = (status.store.bytesWritten / ran) * DAY_MS;
    const years = status.store.wear?.yearsLeft ?? null;
    const lasts =
      years === null ? '' : `, the disk lasts ${years > 100 ? 'over 100' : years} years`;
    const aYear = ((aDay * 365.25) / 1e12).toFixed(2);
    const found = `the gateway writes ${(aDay / MIB).toFixed(0)} MiB a day, ${aYear} TB a year${lasts}`;
    const remedy = 'set a larger store.readingsWithin, and deadbands on noisy sensors';
    results.push(aDay > MOST_A_DAY ? { found, remedy } : { found });
  }
  return results;
}

async function certificates({ config, now }: CheckContext): Promise<readonly CheckResult[]> {
  const files = new Set<string>();
  const all = [
    ...config.broker.listeners,
    ...config.uplinks,
    ...(config.http ? [config.http] : []),
  ];
  for (const { tls } of all) {
    for (const file of [tls?.cert, tls && 'ca' in tls ? tls.ca : undefined]) {
      if (file !== undefined) files.add(file);
    }
  }
  return Promise.all([...files].map((file) => certificate(file, now)));
}

async function certificate(file: string, now: number): Promise<CheckResult> {
  const remedy = 'replace the file: the gateway uses it without a restart';
  try {
    const days = (Date.parse(new X509Certificate(await readFile(file)).validTo) - now) / DAY_MS;
    if (days < 0) return { found: `${file} has expired`, remedy };
    const found = `${file} is valid for ${Math.floor(days)} days`;
    return days < SOON_DAYS ? { found, remedy } : { found };
  } catch (error) {
    return { found: `${file} can't be read: ${(error as Error).message}`, remedy };
  }
}

/** Whether this user may open the devices that the config names. */
async function devices({ config, files, status }: CheckContext): Promise<readonly CheckResult[]> {
  if (config.simulate || status?.simulated !== undefined) {
    return [{ found: 'none is opened: all hardware is simulated' }];
  }
  const names = new Set<string>();
  for (const { bus } of config.sensors) if (bus !== undefined) names.add(bus.split('/')[0]!);
  const usesLines =
    config.outputs.length > 0 || config.sensors.some(({ line, lines }) => line ?? lines);
  if (usesLines && config.gpio.backend !== 'simulated') {
    for (const name of await list(files, '/dev')) if (/^gpiochip\d+$/.test(name)) names.add(name);
  }
  return Promise.all(
    [...names].map(async (name) => {
      const device = `/dev/${name}`;
      try {
        await access(device, constants.R_OK | constants.W_OK);
        return { found: `${device} can be opened` };
      } catch (error) {
        const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
        return missing
          ? { found: `${device} does not exist`, remedy: 'cellgate probe lists what is there' }
          : {
              found: `${device} may not be opened by this user`,
              remedy: 'add the user to the groups gpio and i2c',
            };
      }
    }),
  );
}

interface Mount {
  readonly device: string;
  readonly options: string;
}

/** The file system that holds a path, by /proc/self/mounts. */
async function mountOf(files: KernelFiles, path: string): Promise<Mount | undefined> {
  const lines = (await read(files, '/proc/self/mounts'))?.split('\n') ?? [];
  let best: (Mount & { readonly at: string }) | undefined;
  for (const line of lines) {
    const [source = '', at = '', , options = ''] = line.split(' ');
    const holds = path === at || path.startsWith(at === '/' ? '/' : `${at}/`);
    if (!holds || (best && at.length < best.at.length)) continue;
    best = { device: source.replace(/^\/dev\//, ''), options, at };
  }
  return best;
}

/** The whole disk that a partition is on. */
function diskOf(partition: string): string {
  return partition.replace(/^((?:mmcblk|nvme\d+n)\d+)p\d+$/, '$1').replace(/^(sd[a-z]+)\d+$/, '$1');
}

function read(files: KernelFiles, path: string): Promise<string | undefined> {
  return files.read(path).catch(() => undefined);
}

function list(files: KernelFiles, path: string): Promise<string[]> {
  return files.list(path).catch(() => []);
}
