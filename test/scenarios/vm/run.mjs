/** Runs the tests in this folder, or says loudly why they are skipped. Node builtins only. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeImage, VM_PACKAGES } from './image.mjs';
import { findProgram } from './tools.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What every change is tried with on a real kernel, as it is done within two minutes: a test of each kind. */
export const SAMPLE = [
  'every driver reads its chip right (temperatures|humidity|pins)',
  'inputs (the character device|a line that somebody else)',
  'all are safe from the start',
  'they follow a command',
  'a supply that fails',
  'killed, the gateway',
].join('|');

/** Returns the exit code: 0 when all passed, or when this machine can't run them. Arguments go to vitest. */
export function runVmTests(args) {
  const missing = whyNot();
  if (missing) {
    const line = '='.repeat(78);
    console.error(
      `${line}\nThe tests on a real kernel (test/scenarios/vm) are SKIPPED: ${missing}\n${line}`,
    );
    return 0;
  }
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const config = ['--config', 'test/scenarios/vm/vitest.config.ts'];
  const all = [vitest, 'run', ...config, '--reporter=verbose', ...args];
  return spawnSync(process.execPath, all, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
}

/** Why this machine can't run them; undefined when it can. */
export function whyNot() {
  const packages = Object.entries(VM_PACKAGES);
  if (packages.length === 0) return 'they need Linux on x86-64';
  const absent = packages.filter(([, program]) => findProgram(program) === undefined);
  if (absent.length > 0) {
    const names = absent.map(([name]) => name).join(' ');
    return `some programs are not here; to have them: sudo apt-get install ${names}`;
  }
  try {
    makeImage();
    return undefined;
  } catch (error) {
    return error.message;
  }
}
