import path from 'node:path';
import type { Drivers } from '../driver-kit/driver.ts';
import { restore as copyIn, backup as copyOut } from '../store/admin/backup.ts';
import { type ConfigOption, withData } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** `backup FILE`: the database as it is now, beside a gateway that goes on. */
export function backup(file: string, options: ConfigOption, io: Io, drivers: Drivers) {
  return withData(options, io, drivers, async (folder) => {
    await copyOut(folder, path.resolve(io.cwd, file), (done) => {
      if (io.stderr.isTTY)
        io.stderr.write(`\r${Math.floor(done * 100)} %${done === 1 ? '\n' : ''}`);
    });
    io.stdout.write(
      `${file} holds sessions, queues, retained messages and what sensors remember; config, access file and certificates are files of their own\n`,
    );
    return EXIT.ok;
  });
}

/** `restore FILE`: puts a backup in the place of the database, while no gateway runs on it. */
export function restore(file: string, options: ConfigOption, io: Io, drivers: Drivers) {
  return withData(options, io, drivers, async (folder) => {
    const former = copyIn(folder, path.resolve(io.cwd, file));
    const kept =
      former === undefined ? '' : `; the one from before is ${former}, delete it when all is well`;
    io.stdout.write(`the database of ${folder} is the one of ${file}${kept}\n`);
    return EXIT.ok;
  });
}
