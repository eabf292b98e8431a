import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Gpio, Options } from 'onoff';
import type { Logger } from 'pino';
import { BusError, type BusFault } from './bus-error.ts';
import { createEdgeQueue } from './edge-queue.ts';
import type { GpioBackend, LineSpec } from './gpio-backend.ts';
import {
  BOARD_LABELS,
  type GpioChip,
  type GpioInputOptions,
  type GpioInputs,
  type GpioOutput,
  type LineEdge,
} from './gpio-line.ts';

/** The part of an onoff line that is used here. */
export type RawGpio = Pick<Gpio, 'read' | 'write' | 'watch' | 'unwatch' | 'unexport'>;

/** How onoff is asked for a line; `high` and `low` are outputs that begin at that level of the pin. */
export type RawDirection = 'in' | 'high' | 'low';

export interface SysfsParts {
  readonly log: Logger;
  /** The folder with the chips' files; onoff itself always works on /sys/class/gpio. */
  readonly root?: string;
  /** Takes a line by its global number; the real one is onoff's, loaded when it is first needed. */
  readonly open?: (
    globalNumber: number,
    direction: RawDirection,
    options: Options,
  ) => Promise<RawGpio>;
}

/** A chip of sysfs: `base` is the global number of its first line. */
export interface SysfsChip extends GpioChip {
  readonly base: number;
}

const openReal = async (
  globalNumber: number,
  direction: RawDirection,
  options: Options,
): Promise<RawGpio> => {
  const { default: module } = await import('onoff');
  const edge = direction === 'in' ? 'both' : 'none';
  return new module.Gpio(globalNumber, direction, edge, options);
};

/** GPIO through /sys/class/gpio and onoff: no line names, no bias, no kernel timestamps; misses pulses shorter than 1 ms. */
export function createSysfsBackend(parts: SysfsParts): GpioBackend {
  const { log, root = '/sys/class/gpio', open = openReal } = parts;
  const take = async (
    name: string,
    globalNumber: number,
    direction: RawDirection,
    options: Options,
  ): Promise<RawGpio> => {
    try {
      await dropStaleExport(root, globalNumber, log);
      return await open(globalNumber, direction, options);
    } catch (cause) {
      throw translated(cause, name);
    }
  };
  return {
    name: 'sysfs',
    available: () => exists(join(root, 'export')),
    chips: () => sysfsChips(root),
    async inputs(lines, options) {
      const [line, ...others] = lines;
      if (line === undefined || others.length > 0) {
        throw new BusError('failed', "/sys/class/gpio can't take several lines at once");
      }
      const { name, globalNumber } = await resolveLine(root, line);
      if (options.everyEdge === true) {
        const message = `line ${name}: /sys/class/gpio loses pulses, counting needs /dev/gpiochip*`;
        throw new BusError('failed', message);
      }
      if (options.bias === 'pull-up' || options.bias === 'pull-down') {
        const setting = `gpio=${line.kind === 'number' ? line.number : '<number>'}`;
        const advice = `${setting}=${options.bias === 'pull-up' ? 'pu' : 'pd'} in config.txt does`;
        const message = `line ${name}: /sys/class/gpio can't set a ${options.bias}, ${advice}`;
        throw new BusError('failed', message);
      }
      const raw = await take(name, globalNumber, 'in', {
        activeLow: options.activeLow ?? false,
        debounceTimeout: options.debounceMs ?? 0,
      });
      return createInputs(raw, name, options.edge);
    },
    async output(line, { activeLow = false, initial, drive = 'push-pull' }) {
      const { name, globalNumber } = await resolveLine(root, line);
      if (drive !== 'push-pull') {
        throw new BusError('failed', `line ${name}: /sys/class/gpio can't drive it ${drive}`);
      }
      // The level of the pin: onoff sets active-low only after the direction.
      const level = initial === activeLow ? 'low' : 'high';
      return createOutput(await take(name, globalNumber, level, { activeLow }), name);
    },
  };
}

/** The chips in a /sys/class/gpio, by the name of their character device if it is known, else of their folder. */
export async function sysfsChips(root: string): Promise<SysfsChip[]> {
  const entries = await readdir(root).catch(() => []);
  const chips: SysfsChip[] = [];
  for (const entry of entries.filter((name) => /^gpiochip\d+$/.test(name)).sort()) {
    const text = async (file: string): Promise<string> =>
      (await readFile(join(root, entry, file), 'utf8')).trim();
    const device = await readdir(join(root, entry, 'device')).catch(() => []);
    chips.push({
      name: device.find((name) => /^gpiochip\d+$/.test(name)) ?? entry,
      label: await text('label').catch(() => ''),
      lines: Number(await text('ngpio')),
      base: Number(await text('base')),
    });
  }
  return chips;
}

/** The global number of a line, which differs from kernel to kernel. Rejects with a BusError when there is no such line. */
export async function resolveLine(
  root: string,
  line: LineSpec,
): Promise<{ name: string; globalNumber: number }> {
  const name = line.kind === 'offset' ? `${line.chip}:${line.offset}` : line.name;
  if (line.kind === 'name') {
    const advice = 'write it as GPIO17 or gpiochip0:17';
    throw new BusError('missing', `line ${name}: /sys/class/gpio knows no line names, ${advice}`);
  }
  const chips = await sysfsChips(root);
  const chip = chips.find((candidate) =>
    line.kind === 'offset' ? candidate.name === line.chip : BOARD_LABELS.includes(candidate.label),
  );
  const here = chips.map((one) => `${one.name} (${one.label})`).join(', ') || 'no chip at all';
  if (chip === undefined) {
    const wanted = line.kind === 'offset' ? line.chip : `the board's chip`;
    throw new BusError(
      'missing',
      `line ${name}: ${wanted} is not in /sys/class/gpio, there is ${here}`,
    );
  }
  const offset = line.kind === 'offset' ? line.offset : line.number;
  if (offset >= chip.lines) {
    throw new BusError('missing', `line ${name}: ${chip.name} has only ${chip.lines} lines`);
  }
  return { name, globalNumber: chip.base + offset };
}

/** onoff ignores every error in setting up a line that is already exported, as after a crash: unexport it first. */
async function dropStaleExport(root: string, globalNumber: number, log: Logger): Promise<void> {
  if (!(await exists(join(root, `gpio${globalNumber}`)))) return;
  log.info({ line: globalNumber }, 'line was still exported, taking it again');
  await writeFile(join(root, 'unexport'), String(globalNumber));
}

function createInputs(raw: RawGpio, name: string, edge: GpioInputOptions['edge']): GpioInputs {
  let open = true;
  return {
    async read() {
      if (!open) throw new BusError('failed', `line ${name} is closed`);
      return [(await raw.read()) === 1];
    },
    async *edges(signal) {
      const queue = createEdgeQueue<LineEdge>();
      const listener = (error: Error | null | undefined, value: 0 | 1): void => {
        if (error) queue.fail(translated(error, name));
        else if (edge === undefined || (edge === 'rising') === (value === 1)) {
          queue.push({ rising: value === 1, time: process.hrtime.bigint(), lost: 0, line: 0 });
        }
      };
      raw.watch(listener);
      try {
        yield* queue.iterate(signal);
      } finally {
        if (open) raw.unwatch(listener);
      }
    },
    async close() {
      if (!open) return;
      open = false;
      raw.unexport();
    },
  };
}

function createOutput(raw: RawGpio, name: string): GpioOutput {
  let open = true;
  const guard = async <T>(operation: () => Promise<T>): Promise<T> => {
    if (!open) throw new BusError('failed', `line ${name} is closed`);
    try {
      return await operation();
    } catch (cause) {
      throw translated(cause, name);
    }
  };
  return {
    write: (value) => guard(async () => void (await raw.write(value ? 1 : 0))),
    read: () => guard(async () => (await raw.read()) === 1),
    async close() {
      if (!open) return;
      open = false;
      raw.unexport();
    },
  };
}

function translated(cause: unknown, name: string): BusError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const said = cause instanceof Error ? cause.message : String(cause);
  const sentences: Readonly<Record<string, readonly [BusFault, string]>> = {
    EBUSY: ['owned', `line ${name} is in use by another program or a kernel driver`],
    EACCES: ['denied', 'no permission for /sys/class/gpio: add the user to group gpio'],
    EPERM: ['denied', 'no permission for /sys/class/gpio: add the user to group gpio'],
    EROFS: ['denied', '/sys/class/gpio is read-only here: the unit needs it in ReadWritePaths'],
    EINVAL: [
      'owned',
      `line ${name} is not available: the kernel does not know it or uses it itself`,
    ],
  };
  const [fault, sentence] = sentences[String(code)] ?? ['failed', `line ${name}: ${said}`];
  return new BusError(fault, sentence, { cause });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
