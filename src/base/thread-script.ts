import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installation } from './version.ts';

/** The file of a worker thread. Also the sources run that of the build: a thread can't load TypeScript in Node 20. */
export function threadScript(name: string): URL {
  return pathToFileURL(join(installation, 'dist/program', `${name}.js`));
}
