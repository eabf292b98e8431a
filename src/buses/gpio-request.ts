import { BusError } from './bus-error.ts';
import { createEdgeQueue, type EdgeQueue } from './edge-queue.ts';
import type { GpioKernel } from './gpio-kernel.ts';
import type { GpioInput, GpioInputs, GpioOutput, LineEdge } from './gpio-line.ts';
import { type FoundLine, hasCode, lineError } from './gpio-lookup.ts';
import {
  decodeLineEvents,
  decodeLineValues,
  EVENTS_MAX,
  encodeLineValues,
  GET_VALUES,
  LINE_EVENT_BYTES,
  SET_VALUES,
} from './gpio-uapi.ts';

/** Room for a burst while the gateway is busy: some seconds at 10 kHz. */
const QUEUED_EDGES = 65_536;

/** Lines that were requested as inputs; `interrupts` says whether edges were asked for. */
export function createLineInputs(
  kernel: GpioKernel,
  fd: number,
  lines: readonly FoundLine[],
  interrupts: boolean,
): GpioInputs {
  const names = lines.map(({ name }) => name).join(', ');
  const device = lines[0]?.device ?? '';
  const places = new Map(lines.map(({ offset }, index) => [offset, index]));
  const queues = new Set<EdgeQueue<LineEdge>>();
  const bytes = Buffer.alloc(LINE_EVENT_BYTES * (interrupts ? EVENTS_MAX : 0));
  let unwatch: (() => void) | undefined;
  let sequence = 0;
  let open = true;

  const gone = (cause: unknown): BusError =>
    hasCode(cause, 'ENODEV')
      ? new BusError('missing', `line ${names}: its chip ${device} was removed`, { cause })
      : lineError(cause, names, device);

  const receive = (error: Error | null): void => {
    try {
      if (error !== null) throw error;
      const events = decodeLineEvents(bytes, kernel.read(fd, bytes));
      // Each line has a thread of the kernel's, and one may be overtaken by another's edge.
      events.sort((one, other) => (one.sequence - other.sequence) | 0);
      for (const event of events) {
        const ahead = (event.sequence - sequence - 1) | 0; // both wrap at 32 bits
        // One that was overtaken for so long that it comes in a later read has been counted as lost by then.
        const lost = Math.max(0, ahead);
        if (ahead >= 0) sequence = event.sequence;
        const { rising, time } = event;
        const line = places.get(event.offset) ?? 0;
        for (const queue of queues) queue.push({ rising, time, lost, line });
      }
    } catch (cause) {
      unwatch?.();
      unwatch = undefined;
      for (const queue of queues) queue.fail(gone(cause));
    }
  };

  return {
    async read() {
      if (!open) throw new BusError('failed', `line ${names} is closed`);
      const values = encodeLineValues(lines.length);
      try {
        kernel.ioctl(fd, GET_VALUES, values);
      } catch (cause) {
        throw gone(cause);
      }
      return decodeLineValues(values, lines.length);
    },
    async *edges(signal) {
      if (!open) throw new BusError('failed', `line ${names} is closed`);
      const queue = createEdgeQueue<LineEdge>(QUEUED_EDGES);
      queues.add(queue);
      if (interrupts) unwatch ??= kernel.watch(fd, receive);
      try {
        yield* queue.iterate(signal);
      } finally {
        queues.delete(queue);
        if (queues.size === 0) {
          unwatch?.();
          unwatch = undefined;
        }
      }
    },
    async close() {
      if (!open) return;
      open = false;
      unwatch?.();
      unwatch = undefined;
      for (const queue of queues) queue.fail(new BusError('failed', `line ${names} is closed`));
      kernel.close(fd);
    },
  };
}

/** The one line of such a request. */
export function firstLine(inputs: GpioInputs): GpioInput {
  return {
    read: async () => (await inputs.read())[0] ?? false,
    edges: (signal) => inputs.edges(signal),
    close: () => inputs.close(),
  };
}

/** A line that was requested as an output. */
export function createLineOutput(kernel: GpioKernel, fd: number, name: string): GpioOutput {
  let open = true;
  const values = (request: number, argument: Buffer): boolean => {
    if (!open) throw new BusError('failed', `line ${name} is closed`);
    try {
      kernel.ioctl(fd, request, argument);
    } catch (cause) {
      throw hasCode(cause, 'ENODEV')
        ? new BusError('missing', `line ${name}: its chip was removed`, { cause })
        : new BusError('failed', `line ${name} could not be driven or read`, { cause });
    }
    return decodeLineValues(argument, 1)[0] ?? false;
  };
  return {
    async write(value) {
      values(SET_VALUES, encodeLineValues(1, [value]));
    },
    read: async () => values(GET_VALUES, encodeLineValues(1)),
    async close() {
      if (!open) return;
      open = false;
      kernel.close(fd);
    },
  };
}
