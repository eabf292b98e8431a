import { z } from 'zod';
import type { KernelFiles } from '../buses/kernel-files.ts';
import { SettingsLostError } from './chip-state.ts';

/** A class of the kernel's devices, each a folder with a file that has its name. */
export interface DeviceClass {
  /** One of them, as errors call it: `hwmon chip`. */
  readonly called: string;
  readonly folder: string;
  /** The folders of the devices, e.g. `hwmon2`; the numbers change from start to start. */
  readonly entries: RegExp;
  readonly nameFile: string;
  /** The file with the label of a device, if there is one. */
  readonly labelFile?: string;
}

/** What the config says of a device. */
export interface DeviceName {
  readonly name: string;
  readonly at?: string | undefined;
  readonly label?: string | undefined;
}

/** The options that choose one of several devices of one name. */
export const deviceOptions = {
  at: z
    .string()
    .regex(/^[^\s]{1,256}$/, { error: 'a place such as i2c-1/0x48 or /sys/devices/platform/…' })
    .optional()
    .describe('Which one of several with this name: bus and address (i2c-1/0x48), or device path.'),
  deviceLabel: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('Which one of several with this name: the text of its label file.'),
};

/** The name of a device in a config: all that the kernel's names may have. */
export const deviceName = (error: string) => z.string().regex(/^[^\s/]{1,64}$/, { error });

interface Found {
  readonly folder: string;
  readonly name: string;
  readonly path: string;
  readonly label: string;
}

/**
 * The folder of the only device that fits. Rejects with all that there are when none fits, and with the ways to
 * choose when several do: which of them comes first may change with each start.
 */
export async function findDevice(
  files: KernelFiles,
  kind: DeviceClass,
  { name, at, label }: DeviceName,
): Promise<string> {
  const all = await devices(files, kind);
  const named = all.filter((one) => one.name === name);
  const fitting = named.filter(
    (one) =>
      (at === undefined || isAt(one.path, at)) && (label === undefined || one.label === label),
  );
  const [only, second] = fitting;
  if (only !== undefined && second === undefined) return only.folder;
  if (second !== undefined) {
    const places = fitting.map((one) => placeOf(one.path)).join(' or ');
    const labels = fitting.map((one) => one.label);
    const differ = labels.every((one) => one !== '') && new Set(labels).size === labels.length;
    const byLabel = differ ? `, or with deviceLabel: ${labels.join(' or ')}` : '';
    throw new Error(
      `${fitting.length} devices have the name ${name} (${kind.called}), say which with at: ${places}${byLabel}`,
    );
  }
  const there =
    named.length > 0
      ? named.map((one) => `${name} at ${placeOf(one.path)}`)
      : all.map((one) => one.name);
  const wanted = [
    name,
    at === undefined ? '' : ` at ${at}`,
    label === undefined ? '' : ` ${label}`,
  ];
  throw new Error(`no ${kind.called} ${wanted.join('')}, there is ${there.join(', ') || 'none'}`);
}

/**
 * Rejects if the folder of a device that was found has become that of another one: the kernel gives the numbers of its
 * classes again.
 */
export async function keepDevice(files: KernelFiles, folder: string): Promise<() => Promise<void>> {
  const place = (): Promise<string> => files.realPath(folder).catch(() => folder);
  const found = await place();
  return async () => {
    const now = await place();
    if (now === found || now === folder) return;
    throw new SettingsLostError(`another device has taken its number: ${placeOf(now)}`);
  };
}

async function devices(files: KernelFiles, kind: DeviceClass): Promise<Found[]> {
  const entries = await files.list(kind.folder).catch((): string[] => []);
  const found: Found[] = [];
  for (const entry of entries.filter((one) => kind.entries.test(one))) {
    const folder = `${kind.folder}/${entry}`;
    const text = async (file: string | undefined): Promise<string> =>
      file === undefined ? '' : (await files.read(`${folder}/${file}`).catch(() => '')).trim();
    const name = await text(kind.nameFile);
    if (name === '') continue;
    const path = await files.realPath(folder).catch(() => folder);
    found.push({ folder, name, path, label: await text(kind.labelFile) });
  }
  return found;
}

/** A device on I2C has a folder such as `1-0048`. */
const ON_I2C = /^(\d+)-00([0-9a-f]{2})$/;

/** The shortest place that `at` takes: bus and address, else the path without the number of its class. */
function placeOf(path: string): string {
  const chip = path.split('/').flatMap((part) => {
    const [, bus, address] = ON_I2C.exec(part) ?? [];
    return bus === undefined ? [] : [`i2c-${bus}/0x${address}`];
  });
  return chip.at(-1) ?? path.replace(/\/hwmon\/hwmon\d+$|\/iio:device\d+$/, '');
}

function isAt(path: string, at: string): boolean {
  if (path === at || path.startsWith(`${at.replace(/\/$/, '')}/`)) return true;
  return placeOf(path).toLowerCase() === at.toLowerCase() || path.split('/').includes(at);
}

/** The number in a file of the kernel; throws if it is none. `what` names it in the error. */
export function kernelNumber(text: string, what: string): number {
  const trimmed = text.trim();
  const value = Number(trimmed);
  if (trimmed !== '' && Number.isFinite(value)) return value;
  throw new Error(`${what} is no number: "${trimmed}"`);
}
