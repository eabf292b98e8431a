import type { Shell } from './shell.ts';

/** A GPIO chip of gpio-sim, seen from the outside. */
export interface SimChip {
  /** Drives a line from outside. */
  drive(offset: number, high: boolean): Promise<void>;
  /** What the line is: as driven by who owns it, else from outside. */
  level(offset: number): Promise<boolean>;
  /** Where the line's files are. */
  folder(offset: number): string;
  /** Takes the chip out; nobody may own a line of it. */
  remove(): Promise<void>;
}

export interface SimChipOptions {
  readonly label: string;
  readonly lines: number;
  /** Names by offset. */
  readonly names?: Readonly<Record<number, string>>;
  /** Lines that the kernel itself owns, by offset: who. */
  readonly hogs?: Readonly<Record<number, string>>;
}

/** Puts a chip in. `id` is unique among those that are there. */
export async function addChip(shell: Shell, id: string, options: SimChipOptions): Promise<SimChip> {
  const { label, lines, names = {}, hogs = {} } = options;
  const config = `/sys/kernel/config/gpio-sim/${id}`;
  const offsets = [...new Set([...Object.keys(names), ...Object.keys(hogs)])];
  const commands = [
    `mkdir ${config} ${config}/bank0`,
    `echo ${lines} > ${config}/bank0/num_lines`,
    `echo ${label} > ${config}/bank0/label`,
    ...offsets.map((offset) => `mkdir ${config}/bank0/line${offset}`),
    ...Object.entries(names).map(([at, name]) => `echo ${name} > ${config}/bank0/line${at}/name`),
    ...Object.entries(hogs).flatMap(([at, owner]) => [
      `mkdir ${config}/bank0/line${at}/hog`,
      `echo ${owner} > ${config}/bank0/line${at}/hog/name`,
      `echo output-high > ${config}/bank0/line${at}/hog/direction`,
    ]),
    `echo 1 > ${config}/live`,
    `echo /sys/devices/platform/$(cat ${config}/dev_name)/$(cat ${config}/bank0/chip_name)`,
  ];
  const device = await shell(commands.join(' && '));
  const folder = (offset: number): string => `${device}/sim_gpio${offset}`;
  return {
    folder,
    async drive(offset, high) {
      await shell(`echo pull-${high ? 'up' : 'down'} > ${folder(offset)}/pull`);
    },
    level: async (offset) => (await shell(`cat ${folder(offset)}/value`)) === '1',
    async remove() {
      const line = `${config}/bank0/line`;
      const folders = Object.keys(hogs).map((offset) => `${line}${offset}/hog`);
      folders.push(...offsets.map((offset) => `${line}${offset}`), `${config}/bank0`, config);
      await shell(`echo 0 > ${config}/live && rmdir ${folders.join(' ')}`);
    },
  };
}

/** The header's chip of a Pi 4: 58 lines, GPIO2 to GPIO27 by name. */
export function addHeader(shell: Shell, hogs: Readonly<Record<number, string>> = {}) {
  const names = Array.from({ length: 26 }, (_, index) => [index + 2, `GPIO${index + 2}`]);
  const options = { label: 'pinctrl-bcm2711', lines: 58, names: Object.fromEntries(names), hogs };
  return addChip(shell, 'header', options);
}
