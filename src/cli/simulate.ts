import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** What the models of a simulated gateway do: 0 done, 1 refused, 3 if no gateway runs. */
export function simulate(
  name: string,
  what: string,
  options: ConfigOption,
  io: Io,
  drivers: Drivers,
): Promise<number> {
  return withData(options, io, drivers, async (folder) => {
    const reason = await askGateway(folder, { ask: 'simulate', name, what });
    if (reason === undefined) {
      io.stderr.write(`cellgate: no gateway runs on ${folder}\n`);
      return EXIT.notRunning;
    }
    if (reason !== null) {
      io.stderr.write(`cellgate: ${reason}\n`);
      return EXIT.trouble;
    }
    io.stdout.write(`${name}: ${what}\n`);
    return EXIT.ok;
  });
}
