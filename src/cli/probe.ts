import { BusError } from '../buses/bus-error.ts';
import type { Buses } from '../buses/buses.ts';
import { hex, type I2cBus } from '../buses/i2c-device.ts';
import type { KernelFiles } from '../buses/kernel-files.ts';
import { type Board, fittingBoards } from '../config/boards.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { askTimedatectl, isSynchronised } from '../runtime/time-sync.ts';
import { EXIT, type Io } from './io.ts';

export interface ProbeParts {
  readonly buses: Buses;
  readonly drivers: Drivers;
  /** The known boards, by name. */
  readonly boards: ReadonlyMap<string, Board>;
  /** Whether systemd reports NTP as synchronised: `yes` or `no`; rejects if timedatectl does not answer. */
  askTimedatectl?(): Promise<string>;
}

/** Addresses below and above are reserved by the I2C specification, UM10204 section 3.1.12. */
const FIRST_ADDRESS = 0x08;
const LAST_ADDRESS = 0x77;

/** Prints the hardware of this machine; works without any hardware. Resolves to 0. */
export async function probe(parts: ProbeParts, io: Io): Promise<number> {
  const { buses, drivers, askTimedatectl: ask = askTimedatectl } = parts;
  const { files } = buses;
  const say = (line: string): unknown => io.stdout.write(`${line}\n`);

  const model = await boardModel(files);
  say(`board   ${model}`);
  for (const line of await profiles(parts.boards, model, buses)) say(line);
  say(`kernel  ${await files.read('/proc/sys/kernel/osrelease').catch(() => 'unknown')}`);
  say(`clock   ${await clockState(files, ask)}`);
  say('');
  for (const line of await gpioLines(buses)) say(line);
  say('');

  const names = await devices(files, /^i2c-\d+$/);
  if (names.length === 0) {
    say(
      'I2C: no bus (no /dev/i2c-*; on a Pi: dtparam=i2c_arm=on in config.txt, and i2c-dev loaded)',
    );
    return EXIT.ok;
  }
  say(`I2C: a byte was read at each address from ${hex(FIRST_ADDRESS)} to ${hex(LAST_ADDRESS)}`);
  for (const name of names) {
    say(`${name}`);
    for await (const found of scan(buses.i2c(name), drivers)) say(`  ${found}`);
  }
  return EXIT.ok;
}

/** The profiles of config/boards that fit this machine, and those that would fit if their lines had names. */
async function profiles(
  boards: ReadonlyMap<string, Board>,
  model: string,
  { gpio }: Buses,
): Promise<string[]> {
  const chips = await gpio.chips();
  const names = new Set(chips.flatMap(({ named = [] }) => named.flatMap(({ name }) => name ?? [])));
  const fitting = fittingBoards(boards, model, names);
  const shown = fitting.map((name) => `profile ${name}  ${boards.get(name)?.name}`);
  const unnamed = [...boards]
    .filter(([name, board]) => !fitting.includes(name) && model.startsWith(board.model))
    .filter(([, board]) => board.overlay !== undefined)
    .map(([name]) => name);
  if (unnamed.length > 0) {
    shown.push(`        or, without the overlay that names their lines: ${unnamed.join(', ')}`);
    shown.push('        (config/boards/NAME.yaml says which line config.txt needs)');
  }
  return shown;
}

/** The addresses of a bus that answer, one text line each. Reads a byte at each address: writes could change a chip. */
async function* scan(bus: I2cBus, drivers: Drivers): AsyncGenerator<string> {
  let count = 0;
  for (let address = FIRST_ADDRESS; address <= LAST_ADDRESS; address += 1) {
    try {
      await bus.device(address).transfer(new Uint8Array(), 1);
      const fitting = [...drivers.values()].filter((one) => one.addresses?.includes(address));
      const names = fitting.map((one) => one.name).join(', ') || 'no driver for this address';
      yield `${hex(address)}  ${names}`;
      count += 1;
    } catch (error) {
      const fault = error instanceof BusError ? error.fault : 'failed';
      if (fault === 'absent') continue;
      if (fault === 'owned') {
        yield `${hex(address)}  owned by a kernel driver`;
        count += 1;
      } else {
        yield error instanceof Error ? error.message : String(error);
        if (fault !== 'failed') return;
      }
    }
  }
  if (count === 0) yield 'nothing answers';
}

async function gpioLines({ gpio, files }: Buses): Promise<string[]> {
  const chips = await gpio.chips();
  const known = new Set(chips.map(({ name }) => name));
  const shown = chips.flatMap(({ name, label, lines, base, named = [] }) => {
    const numbers = base === undefined ? '' : `, ${base} to ${base + lines - 1} in /sys/class/gpio`;
    const each = named.map((line) => {
      const owner = line.owner === undefined ? '' : `  in use by ${line.owner}`;
      return `    ${line.offset}  ${line.name ?? '(no name)'}${owner}`;
    });
    return [`  ${name}  ${label}  ${lines} lines${numbers}`, ...each];
  });
  for (const name of await devices(files, /^gpiochip\d+$/)) {
    if (!known.has(name)) shown.push(`  ${name}  /dev/${name}`);
  }
  if (shown.length === 0) return ['GPIO: no chip on this machine'];
  if (chips.some(({ named }) => named !== undefined)) return ['GPIO:', ...shown];
  const debug = await files.read('/sys/kernel/debug/gpio').catch(() => undefined);
  const detail =
    debug === undefined
      ? ['  line names and owners: only root can read them (/sys/kernel/debug/gpio)']
      : debug.split('\n').flatMap((line) => (line.trim() === '' ? [] : [`  ${line.trimEnd()}`]));
  return ['GPIO:', ...shown, ...detail];
}

async function boardModel(files: KernelFiles): Promise<string> {
  for (const path of ['/proc/device-tree/model', '/sys/class/dmi/id/product_name']) {
    const model = await files.read(path).catch(() => '');
    if (model !== '') return model.replaceAll('\0', '').trim();
  }
  return 'unknown (neither a device tree nor DMI names it)';
}

async function clockState(files: KernelFiles, ask: () => Promise<string>): Promise<string> {
  const synchronised = await isSynchronised(files, ask);
  if (synchronised === undefined) return 'unknown (systemd does not report it)';
  return synchronised ? 'synchronised' : 'not synchronised';
}

async function devices(files: KernelFiles, pattern: RegExp): Promise<string[]> {
  const names = await files.list('/dev').catch((): string[] => []);
  const number = (name: string): number => Number(/\d+$/.exec(name)?.[0]);
  return names.filter((name) => pattern.test(name)).sort((a, b) => number(a) - number(b));
}
