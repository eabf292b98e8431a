import { join } from 'node:path';
import { defineConfig } from 'vite';

const here = import.meta.dirname;

/** Separate files for script and style, nothing inline: the page's security policy allows nothing else. */
export default defineConfig({
  root: here,
  base: './',
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: join(here, '../../dist/page'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
  },
});
