import {
  access,
  chmod,
  chown,
  constants,
  link,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { installation } from '../base/version.ts';
import { PLANT_PASSWORD } from './setup-config.ts';

/** The file of the password of the plant, if there is one. */
export function secretFile(
  folder: string,
  password: string | undefined,
): Readonly<Record<string, string>> {
  return password === undefined ? {} : { [path.join(folder, PLANT_PASSWORD)]: `${password}\n` };
}

/** Writes new files, and keeps the example that one of them replaces under another name; the result undoes both. */
export async function written(
  files: Readonly<Record<string, string>>,
  folder: string,
  example: string | undefined,
): Promise<() => Promise<void>> {
  const done: string[] = [];
  const kept = `${example}.example`;
  const undo = async (): Promise<void> => {
    for (const file of done) await rm(file, { force: true });
    if (example !== undefined) await rename(kept, example);
  };
  if (example !== undefined) {
    await link(example, kept).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(example);
  }
  try {
    for (const [file, text] of Object.entries(files)) {
      await writeNew(file, text, folder);
      done.push(file);
    }
  } catch (error) {
    await undo();
    throw error;
  }
  return undo;
}

/** Whether this user can make files in the folder. */
export function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Whether there is such a file, or folder. */
export function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Whether the config is the example that the package has put there, unchanged. */
export async function isExampleConfig(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const examples = [
    '/usr/share/cellgate/config.yaml',
    path.join(installation, 'config/cellgate.yaml'),
  ];
  const texts = await Promise.all(
    examples.map((one) => readFile(one, 'utf8').catch(() => undefined)),
  );
  return texts.includes(text);
}

/** Writes a whole file that was not there, with the owner of its folder; rejects if another was made meanwhile. */
async function writeNew(file: string, text: string, folder: string): Promise<void> {
  const next = `${file}.${process.pid}.new`;
  const { uid, gid } = await stat(folder);
  try {
    await writeFile(next, text, { mode: 0o600, flag: 'wx', flush: true });
    if (process.getuid?.() === 0) await chown(next, uid, gid);
    await chmod(next, 0o640);
    await link(next, file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EEXIST' ? new Error(`${file} is there already: it stays`) : error;
    });
  } finally {
    await rm(next, { force: true });
  }
}
