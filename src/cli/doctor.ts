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

/** Looks at all that makes a gateway fail after a while: 0 when all is well, 1 with what to do for each finding. */
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
  const patient: CheckContext = { config, files, status, askTimedatectl, now: Date.now() };
  let count = 0;
  for (const [name, examine] of Object.entries(DOCTOR_CHECKS)) {
    for (const { found, remedy } of await examine(patient)) {
      if (remedy !== undefined) count++;
      const mark = remedy === undefined ? 'ok  ' : 'MEND';
      io.stdout.write(`${mark}  ${name}: ${found}${remedy === undefined ? '' : `: ${remedy}`}\n`);
    }
  }
  return count === 0 ? EXIT.ok : EXIT.trouble;
}
