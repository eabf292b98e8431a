import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Switches an output, or sets a value that counts: 0 done, 1 refused, 3 if no gateway runs. */
export function set(
  name: string,
  value: string,
  options: ConfigOption,
  io: Io,
  drivers: Drivers,
): Promise<number> {
  return withData(options, io, drivers, async (folder) => {
    const by = io.env.SUDO_USER ?? io.env.USER ?? 'the command line';
    const reason = await askGateway(folder, { ask: 'set', name, value, by });
    if (reason === undefined) {
      io.stderr.write(`cellgate: no gateway runs on ${folder}\n`);
      return EXIT.notRunning;
    }
    if (reason !== null) {
      io.stderr.write(`cellgate: ${name}: ${reason}\n`);
      return EXIT.trouble;
    }
    io.stdout.write(`${name}: ${value}\n`);
    return EXIT.ok;
  });
}
