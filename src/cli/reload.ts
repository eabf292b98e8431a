import { loadConfig } from '../config/load.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import type { ReloadReport } from '../runtime/reload.ts';
import { ask } from './ask.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** Applies the present config file to the running gateway: 0 done, 1 refused with the reason, 3 if none runs. */
export async function reload(options: ConfigOption, io: Io, drivers: Drivers): Promise<number> {
  const { config, problems } = await loadConfig(configFile(options, io.env), drivers, io.cwd);
  if (!config) {
    printProblems(problems, io.stderr, io);
    io.stderr.write('cellgate: nothing was changed\n');
    return EXIT.trouble;
  }
  let report: ReloadReport | undefined;
  try {
    report = (await ask(config.data, { ask: 'reload' }, io)) as ReloadReport | undefined;
  } catch (error) {
    io.stderr.write(`cellgate: ${(error as Error).message}\n`);
    return EXIT.trouble;
  }
  if (!report) {
    io.stderr.write(`cellgate: no gateway runs on ${config.data}\n`);
    return EXIT.notRunning;
  }
  for (const change of report.changes) io.stdout.write(`${change}\n`);
  if (!report.applied) {
    io.stderr.write(`cellgate: nothing was changed: ${report.reason}\n`);
    return EXIT.trouble;
  }
  io.stdout.write(report.changes.length === 0 ? 'nothing has changed\n' : 'done\n');
  return EXIT.ok;
}
