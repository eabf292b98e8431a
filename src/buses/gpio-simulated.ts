import type { GpioBackend, LineSpec } from './gpio-backend.ts';
import type { GpioInputs, GpioOutput } from './gpio-line.ts';

const POLL_MS = 50;

/**
 * Lines that exist only in memory, to try a config without its hardware: an input has the value of the output of the same
 * name. `lines` has their levels; `refuse` throws where an output is to fail.
 */
export function createSimulatedBackend(
  lines: Map<string, boolean> = new Map(),
  refuse: (line: string) => void = () => undefined,
): GpioBackend {
  const nameOf = (line: LineSpec): string =>
    line.kind === 'offset' ? `${line.chip}:${line.offset}` : line.name;
  return {
    name: 'simulated',
    available: async () => true,
    chips: async () => [],
    async inputs(specs, { activeLow = false }): Promise<GpioInputs> {
      const names = specs.map(nameOf);
      const levels = (): boolean[] =>
        names.map((name) => (lines.get(name) ?? activeLow) !== activeLow);
      return {
        read: async () => levels(),
        async *edges(signal) {
          let before = levels();
          while (!signal.aborted) {
            await new Promise((resolve) => setTimeout(resolve, POLL_MS));
            const now = levels();
            for (const [line, rising] of now.entries()) {
              if (rising !== before[line])
                yield { line, rising, time: process.hrtime.bigint(), lost: 0 };
            }
            before = now;
          }
        },
        close: async () => undefined,
      };
    },
    async output(line, { activeLow = false, initial }): Promise<GpioOutput> {
      const name = nameOf(line);
      refuse(name);
      lines.set(name, initial !== activeLow);
      return {
        async write(value) {
          refuse(name);
          lines.set(name, value !== activeLow);
        },
        async read() {
          refuse(name);
          return lines.get(name) !== activeLow;
        },
        close: async () => undefined,
      };
    },
  };
}
