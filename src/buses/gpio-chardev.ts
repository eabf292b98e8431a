import type { Logger } from 'pino';
import { BusError } from './bus-error.ts';
import type { GpioBackend } from './gpio-backend.ts';
import { type GpioKernel, openGpioKernel } from './gpio-kernel.ts';
import type { GpioChip, GpioInputOptions, GpioOutputOptions } from './gpio-line.ts';
import { eachChip, type FoundLine, findLines, hasCode, lineError } from './gpio-lookup.ts';
import { createLineInputs, createLineOutput } from './gpio-request.ts';
import {
  decodeLineFd,
  decodeLineInfo,
  EVENTS_MAX,
  encodeLineRequest,
  GET_LINE,
  GET_LINEINFO,
  LINE_FLAG,
  type LineRequest,
  lineInfoRequest,
} from './gpio-uapi.ts';

export interface ChardevParts {
  readonly log: Logger;
  /** The system calls; the real ones are loaded when they are first needed. Throws if they are not available. */
  readonly kernel?: () => GpioKernel;
}

/** The owner of our lines, as the kernel reports it to other programs. */
const CONSUMER = 'cellgate';
const EDGES = {
  rising: LINE_FLAG.edgeRising,
  falling: LINE_FLAG.edgeFalling,
  both: LINE_FLAG.edgeRising | LINE_FLAG.edgeFalling,
} as const;

const BIAS = {
  'pull-up': LINE_FLAG.biasPullUp,
  'pull-down': LINE_FLAG.biasPullDown,
  disabled: LINE_FLAG.biasDisabled,
} as const;

const DRIVE = {
  'push-pull': 0n,
  'open-drain': LINE_FLAG.openDrain,
  'open-source': LINE_FLAG.openSource,
} as const;

/** GPIO through /dev/gpiochip*, with names, kernel timestamps, debounce, bias, and a count of lost edges. */
export function createChardevBackend(parts: ChardevParts): GpioBackend {
  const { log } = parts;
  let loaded: GpioKernel | undefined;
  let warned = false;

  const kernel = (): GpioKernel => {
    loaded ??= (parts.kernel ?? openGpioKernel)();
    return loaded;
  };

  const take = (lines: readonly FoundLine[], request: Omit<LineRequest, 'consumer' | 'offsets'>) =>
    requestLines(kernel(), lines, request);

  return {
    name: 'chardev',
    async available() {
      try {
        return kernel().devices().length > 0;
      } catch (err) {
        if (!warned) log.warn({ err }, 'no GPIO character device: a native module is not built');
        warned = true;
        return false;
      }
    },
    async chips() {
      const chips: GpioChip[] = [];
      eachChip(kernel(), ({ device, info, lines }) => {
        const named = lines().flatMap(({ offset, name, consumer, used }) => {
          if (name === '' && !used) return [];
          const owner = used ? { owner: consumer || 'the kernel' } : {};
          return [{ offset, ...(name === '' ? {} : { name }), ...owner }];
        });
        chips.push({ name: device, label: info.label, lines: info.lines, named });
      });
      return chips;
    },
    async inputs(specs, options) {
      const lines = findLines(kernel(), specs);
      const flags = inputFlags(options);
      const debounceUs = Math.round((options.debounceMs ?? 0) * 1000);
      try {
        const eventBuffer = EVENTS_MAX;
        const fd = take(lines, {
          flags: flags | EDGES[options.edge ?? 'both'],
          debounceUs,
          eventBuffer,
        });
        return createLineInputs(kernel(), fd, lines, true);
      } catch (error) {
        // A chip without interrupts can still be read.
        if (!hasCode(error, 'ENXIO', 'ENODEV', 'EOPNOTSUPP')) throw error;
        if (options.everyEdge === true) {
          const what = lines.map(({ name }) => name).join(', ');
          const message = `line ${what}: its chip raises no interrupts, so pulses can't be counted`;
          throw new BusError('failed', message, { cause: error });
        }
        return createLineInputs(kernel(), take(lines, { flags }), lines, false);
      }
    },
    async output(spec, options) {
      const lines = findLines(kernel(), [spec]);
      const fd = take(lines, { flags: outputFlags(options), values: [options.initial] });
      return createLineOutput(kernel(), fd, lines[0]!.name);
    },
  };
}

function inputFlags({ activeLow = false, bias }: GpioInputOptions): bigint {
  const flags = LINE_FLAG.input | (activeLow ? LINE_FLAG.activeLow : 0n);
  return bias === undefined ? flags : flags | BIAS[bias];
}

function outputFlags({ activeLow = false, drive = 'push-pull' }: GpioOutputOptions): bigint {
  return LINE_FLAG.output | (activeLow ? LINE_FLAG.activeLow : 0n) | DRIVE[drive];
}

/** The file descriptor of the requested lines, which this process then owns. */
function requestLines(
  kernel: GpioKernel,
  lines: readonly FoundLine[],
  request: Omit<LineRequest, 'consumer' | 'offsets'>,
): number {
  const [{ device }] = lines as readonly [FoundLine];
  const names = lines.map(({ name }) => name).join(', ');
  const offsets = lines.map(({ offset }) => offset);
  let chip: number | undefined;
  try {
    chip = kernel.open(device);
    const argument = encodeLineRequest({ ...request, consumer: CONSUMER, offsets });
    try {
      kernel.ioctl(chip, GET_LINE, argument);
    } catch (cause) {
      throw hasCode(cause, 'EBUSY') ? owned(kernel, chip, lines, cause) : cause;
    }
    return decodeLineFd(argument);
  } catch (cause) {
    throw lineError(cause, names, device);
  } finally {
    if (chip !== undefined) kernel.close(chip);
  }
}

/** The kernel reports only that one of them is in use; the line's own info has the owner. */
function owned(
  kernel: GpioKernel,
  chip: number,
  lines: readonly FoundLine[],
  cause: unknown,
): BusError {
  for (const { name, offset } of lines) {
    const argument = lineInfoRequest(offset);
    try {
      kernel.ioctl(chip, GET_LINEINFO, argument);
    } catch {
      continue;
    }
    const { used, consumer } = decodeLineInfo(argument);
    if (!used) continue;
    const owner = consumer === '' ? 'the kernel' : `"${consumer}"`;
    return new BusError('owned', `line ${name} is in use by ${owner}`, { cause });
  }
  const names = lines.map(({ name }) => name).join(', ');
  return new BusError('owned', `line ${names} was in use a moment ago`, { cause });
}
