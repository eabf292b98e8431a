import { execFileSync } from 'node:child_process';

/** Compiles and bundles the program and builds the page to dist before any test runs; throws with the compiler's words when it can't. */
export default function build(): void {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
    stdio: 'inherit',
  });
  for (const script of ['scripts/build-program.mjs', 'scripts/build-page.mjs'])
    execFileSync(process.execPath, [script], { stdio: 'inherit' });
}
