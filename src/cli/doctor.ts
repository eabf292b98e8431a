import type { KernelFiles } from '../buses/kernel-files.ts';
import { loadConfig } from '../config/load.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import { askGateway } from '../runtime/admin-socket.ts';
import type { GatewayStatus } from '../runtime/health.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { type CheckContext, DOCTOR_CHECKS } from './doctor-checks.ts';
import { EXIT, type Io } from './io.ts';

export interface DoctorParts {
  readonly drivers: Drivers;
  readonly files: KernelFiles;
  askTimedatectl(): Promise<string>;
}

/** Runs all checks of the machine and its gateway: 0 if there is no problem, else 1 with what to do for each result. */
export async function doctor(options: ConfigOption, io: Io, parts: DoctorParts): Promise<number> {
  const { drivers, files, askTimedatectl } = parts;
  const { config, problems } = await loadConfig(configFile(options, io.env), drivers, io.cwd);
  if (!config) {
    printProblems(problems, io.stderr, io);
    return EXIT.trouble;
  }
  const status = (await askGateway(config.data, { ask: 'status' }).catch(() => undefined)) as
    | GatewayStatus
    | undefined;
  const context: CheckContext = { config, files, status, askTimedatectl, now: Date.now() };
  let failed = 0;
  for (const [name, check] of Object.entries(DOCTOR_CHECKS)) {
    for (const { found, remedy } of await check(context)) {
      if (remedy !== undefined) failed++;
      const mark = remedy === undefined ? 'ok  ' : 'FAIL';
      io.stdout.write(`${mark}  ${name}: ${found}${remedy === undefined ? '' : `: ${remedy}`}\n`);
    }
  }
  return failed === 0 ? EXIT.ok : EXIT.trouble;
}
