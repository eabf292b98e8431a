/**
 * `npm run test:systemd`: the package for amd64, installed in an emulated machine with a Debian and a systemd of its own,
 * and a machine whose clock jumps. Arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { whyNot } from '../test/scenarios/vm/run.mjs';
import { missingFor } from './package/target.mjs';
import { build, checkNode, installDependencies, ROOT } from './set-up.mjs';

checkNode();
installDependencies();
await import('./setup-tests.mjs');
build();
const why = whyNot() ?? whyNoPackage();
if (why) {
  const line = '='.repeat(78);
  console.error(
    `${line}\nThe tests with systemd (test/scenarios/vm/systemd) are SKIPPED: ${why}\n${line}`,
  );
  process.exit(0);
}
const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
const config = ['--config', 'test/scenarios/vm/systemd/vitest.config.ts'];
const all = [vitest, 'run', ...config, ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, all, { cwd: ROOT, stdio: 'inherit' }).status ?? 1);

/** Why the package can't be built and put on a disk here; undefined when it can. */
function whyNoPackage() {
  const missing = missingFor('amd64');
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  if (process.getuid() !== 0) return 'only root can make the disk: sudo npm run test:systemd';
  const { status } = spawnSync('mmdebstrap', ['--version']);
  return status === 0 ? undefined : 'not installed: mmdebstrap';
}
