import { execFileSync } from 'node:child_process';

/** Compiles src and drivers and builds the page to dist before any test runs; throws with the compiler's words when it can't. */
export default function build(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
    stdio: 'inherit',
  });
  execFileSync(process.execPath, ['scripts/build-page.mjs'], { stdio: 'inherit' });
}
