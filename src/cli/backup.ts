import path from 'node:path';
import type { Drivers } from '../driver-kit/driver.ts';
import { restore as copyIn, backup as copyOut } from '../store/admin/backup.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** `backup FILE`: copies the present state of the database, also while a gateway runs. */
export function backup(file: string, options: ConfigOption, io: Io, drivers: Drivers) {
  return withData(options, io, drivers, async (folder) => {
    await copyOut(folder, path.resolve(io.cwd, file), (done) => {
      if (io.stderr.isTTY)
        io.stderr.write(`\r${Math.floor(done * 100)} %${done === 1 ? '\n' : ''}`);
    });
    io.stdout.write(
      `${file} has the sessions, queues, retained messages and the state of sensors; back up config, access file, certificates and history.db separately\n`,
    );
    return EXIT.ok;
  });
}

/** `restore FILE`: replaces the database with a backup, while no gateway runs on it. */
export function restore(file: string, options: ConfigOption, io: Io, drivers: Drivers) {
  return withData(options, io, drivers, async (folder) => {
    const former = copyIn(folder, path.resolve(io.cwd, file));
    const kept =
      former === undefined ? '' : `; the former one is ${former}, delete it when everything works`;
    io.stdout.write(`the database of ${folder} was replaced by ${file}${kept}\n`);
    return EXIT.ok;
  });
}
