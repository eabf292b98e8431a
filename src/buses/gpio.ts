import type { Logger } from 'pino';
import { BusError } from './bus-error.ts';
import { type GpioBackend, parseLine } from './gpio-backend.ts';
import { createChardevBackend } from './gpio-chardev.ts';
import type { GpioBus } from './gpio-line.ts';
import { firstLine } from './gpio-request.ts';
import { createSimulatedBackend } from './gpio-simulated.ts';
import { createSysfsBackend } from './gpio-sysfs.ts';

export interface GpioParts {
  readonly log: Logger;
  /** The backends to choose from, the preferred one first. */
  readonly backends?: readonly GpioBackend[];
  /** Which one to take; `auto` takes the first that the machine offers. */
  readonly use?: 'auto' | GpioBackend['name'];
}

/** The machine's GPIO. The backend is chosen at each opening, as the hardware may appear later than the gateway. */
export function createGpio(parts: GpioParts): GpioBus {
  const { log, use = 'auto' } = parts;
  const real = (): GpioBackend[] => [createChardevBackend({ log }), createSysfsBackend({ log })];
  // Simulated lines never replace missing hardware: the config has to choose them.
  const backends = parts.backends ?? (use === 'simulated' ? [createSimulatedBackend()] : real());
  let announced: string | undefined;

  const choose = async (): Promise<GpioBackend | undefined> => {
    for (const backend of backends) {
      if ((use === 'auto' || use === backend.name) && (await backend.available())) {
        if (announced !== backend.name) log.info({ backend: backend.name }, 'GPIO backend chosen');
        announced = backend.name;
        return backend;
      }
    }
    return undefined;
  };

  const needed = async (what: string): Promise<GpioBackend> => {
    const backend = await choose();
    if (backend !== undefined) return backend;
    const where = use === 'auto' ? 'this machine offers no GPIO' : `no GPIO through ${use}`;
    throw new BusError('missing', `line ${what}: ${where}`);
  };

  return {
    line: (name) => ({
      async input(options) {
        return firstLine(await (await needed(name)).inputs([parseLine(name)], options));
      },
      async output(options) {
        return (await needed(name)).output(parseLine(name), options);
      },
    }),
    lines: (names) => ({
      async input(options) {
        return (await needed(names.join(', '))).inputs(names.map(parseLine), options);
      },
    }),
    async chips() {
      return (await (await choose())?.chips()) ?? [];
    },
  };
}
