/** Builds the page for browsers, src/page to dist/page, unless nothing has changed since the last time. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'dist/page/.built');

const inputs = [
  'package-lock.json',
  ...readdirSync(join(root, 'src/page')).map((name) => `src/page/${name}`),
];
const key = inputs
  .map((name) => {
    const { size, mtimeMs } = statSync(join(root, name));
    return `${name} ${size} ${mtimeMs}`;
  })
  .join('\n');

if (read(stamp) !== key) {
  await build({ configFile: join(root, 'src/page/vite.config.ts') });
  writeFileSync(stamp, key);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
