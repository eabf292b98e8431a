/** Builds the page for browsers, src/page to dist/page, unless nothing has changed since the last time. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { filesBelow, unlessBuilt } from './stamped.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = [join(root, 'package-lock.json'), ...filesBelow(join(root, 'src/page'))];

await unlessBuilt(join(root, 'dist/page/.built'), sources, () =>
  build({ configFile: join(root, 'src/page/vite.config.ts') }),
);
