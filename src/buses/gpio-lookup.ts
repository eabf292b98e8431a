import { BusError, type BusFault } from './bus-error.ts';
import type { LineSpec } from './gpio-backend.ts';
import type { GpioKernel } from './gpio-kernel.ts';
import { BOARD_LABELS } from './gpio-line.ts';
import {
  type ChipInfo,
  chipInfoRequest,
  decodeChipInfo,
  decodeLineInfo,
  GET_CHIPINFO,
  GET_LINEINFO,
  type LineInfo,
  lineInfoRequest,
} from './gpio-uapi.ts';

/** A line that is there: `name` as the config calls it. */
export interface FoundLine {
  readonly name: string;
  readonly device: string;
  readonly offset: number;
}

/** A chip while it is open. */
export interface OpenChip {
  readonly device: string;
  /** Other names of the device, such as `gpiochip4` on a Pi 5, a link to `gpiochip0`. */
  readonly links: readonly string[];
  readonly info: ChipInfo;
  /** The kernel's information about each line. */
  lines(): LineInfo[];
}

/** Shows each chip once, a second name of the same one left out. Throws a BusError when none may be opened. */
export function eachChip(kernel: GpioKernel, visit: (chip: OpenChip) => void): void {
  const links = linksOf(kernel);
  const seen = new Set<string>();
  let denied: BusError | undefined;
  for (const device of [...kernel.devices()].sort()) {
    let fd: number | undefined;
    try {
      const chip = kernel.open(device);
      fd = chip;
      const request = chipInfoRequest();
      kernel.ioctl(chip, GET_CHIPINFO, request);
      const info = decodeChipInfo(request);
      if (seen.has(info.name)) continue;
      seen.add(info.name);
      visit({
        device,
        links: links.get(info.name) ?? [],
        info,
        lines: () => lineInfos(kernel, chip, info.lines),
      });
    } catch (cause) {
      denied ??= lineError(cause, device, device);
    } finally {
      if (fd !== undefined) kernel.close(fd);
    }
  }
  if (seen.size === 0 && denied !== undefined) throw denied;
}

/** The names of devices that are not those of their chips, by the name of the chip. */
function linksOf(kernel: GpioKernel): ReadonlyMap<string, readonly string[]> {
  const links = new Map<string, string[]>();
  for (const device of kernel.devices()) {
    let fd: number | undefined;
    try {
      fd = kernel.open(device);
      const request = chipInfoRequest();
      kernel.ioctl(fd, GET_CHIPINFO, request);
      const { name } = decodeChipInfo(request);
      if (name !== device) links.set(name, [...(links.get(name) ?? []), device]);
    } catch {
      // It is opened again for its lines, where an error is reported.
    } finally {
      if (fd !== undefined) kernel.close(fd);
    }
  }
  return links;
}

function lineInfos(kernel: GpioKernel, chip: number, count: number): LineInfo[] {
  return Array.from({ length: count }, (_, offset) => {
    const request = lineInfoRequest(offset);
    kernel.ioctl(chip, GET_LINEINFO, request);
    return decodeLineInfo(request);
  });
}

/** Where lines are. Throws a BusError when one is not there, is there twice, or they are on different chips. */
export function findLines(kernel: GpioKernel, specs: readonly LineSpec[]): readonly FoundLine[] {
  const found = specs.map((): FoundLine[] => []);
  const numbered = specs.map((): FoundLine[] => []);
  const chips: string[] = [];
  eachChip(kernel, ({ device, links, info, lines }) => {
    chips.push(`${device} (${info.label}, ${info.lines} lines)`);
    const names = specs.some(({ kind }) => kind !== 'offset') ? lines() : [];
    for (const [index, spec] of specs.entries()) {
      if (spec.kind === 'offset') {
        if ([info.name, device, ...links].includes(spec.chip)) {
          if (spec.offset < info.lines) found[index]!.push(placed(spec, device, spec.offset));
        }
        continue;
      }
      for (const { name, offset } of names) {
        if (name === spec.name) found[index]!.push(placed(spec, device, offset));
      }
      if (spec.kind !== 'number' || !BOARD_LABELS.includes(info.label)) continue;
      if (spec.number < info.lines) numbered[index]!.push(placed(spec, device, spec.number));
    }
  });
  const lines = specs.map((spec, index) => {
    // Old device trees call the header's lines otherwise; the board's own chip has them in order.
    const here = found[index]!.length > 0 ? found[index]! : numbered[index]!;
    return single(lineName(spec), here, chips);
  });
  const devices = new Set(lines.map(({ device }) => device));
  if (devices.size > 1) {
    const where = lines.map(({ name, device }) => `${name} on ${device}`).join(', ');
    throw new BusError('failed', `lines must be on one chip, found ${where}`);
  }
  return lines;
}

function placed(spec: LineSpec, device: string, offset: number): FoundLine {
  return { name: lineName(spec), device, offset };
}

function lineName(spec: LineSpec): string {
  return spec.kind === 'offset' ? `${spec.chip}:${spec.offset}` : spec.name;
}

function single(name: string, here: readonly FoundLine[], chips: readonly string[]): FoundLine {
  const [line, other] = here;
  if (line === undefined) {
    const there = chips.length === 0 ? 'no chip at all' : chips.join(', ');
    throw new BusError('missing', `line ${name} is on no GPIO chip, there is ${there}`);
  }
  if (other !== undefined) {
    const places = here.map(({ device, offset }) => `${device}:${offset}`).join(' and ');
    throw new BusError('failed', `line ${name} is there twice, expected one of ${places}`);
  }
  return line;
}

/** Whether an error, or what it wraps, has one of the kernel's codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (codes.includes(String(code))) return true;
  return error instanceof BusError && hasCode(error.cause, ...codes);
}

/** An error of the kernel as a sentence; a BusError stays as it is. */
export function lineError(cause: unknown, line: string, device: string): BusError {
  if (cause instanceof BusError) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  const sentences: Readonly<Record<string, readonly [BusFault, string]>> = {
    EACCES: ['denied', `no permission for /dev/${device}: add the user to group gpio`],
    EPERM: ['denied', `no permission for /dev/${device}: add the user to group gpio`],
    ENOENT: ['missing', `line ${line}: /dev/${device} is gone`],
    EINVAL: ['failed', `line ${line}: the kernel does not take what is asked of it (EINVAL)`],
  };
  const known = Object.keys(sentences).find((code) => hasCode(cause, code)) ?? '';
  const [fault, sentence] = sentences[known] ?? ['failed', `line ${line}: ${said}`];
  return new BusError(fault, sentence, { cause });
}
