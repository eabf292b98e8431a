import type { Drivers } from '../driver-kit/driver.ts';
import { ask } from './ask.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Ends the trouble about what a damaged database has cost: 0 done, also if there was none; 3 if no gateway runs. */
export function acknowledge(options: ConfigOption, io: Io, drivers: Drivers): Promise<number> {
  return withData(options, io, drivers, async (folder) => {
    const loss = (await ask(folder, { ask: 'acknowledge' }, io)) as string | null | undefined;
    if (loss === undefined) {
      io.stderr.write(`cellgate: no gateway runs on ${folder}\n`);
      return EXIT.notRunning;
    }
    io.stdout.write(
      loss === null ? 'there is nothing to acknowledge\n' : `acknowledged: ${loss}\n`,
    );
    return EXIT.ok;
  });
}
