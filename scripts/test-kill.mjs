/**
 * `npm run test:kill -- [--runs 20] [--scenario X] [--subscriber Y] [--seed N] [--sync-ms 20] [--no-gate]`:
 * kills the gateway again and again and asks independent clients what was lost.
 * Scenario `mqtt5` is that of expiries, delays, properties and identifiers. `--no-gate` is the control:
 * the same against Mosquitto, which acknowledges before it stores and so must be seen to lose.
 */
import { join } from 'node:path';
import { runnerImport } from 'vite';
import { build, ROOT } from './set-up.mjs';

build();
const { module } = await runnerImport(join(ROOT, 'test/scenarios/crash/kill/main.ts'), {
  logLevel: 'error',
});
process.exit(await module.main(process.argv.slice(2)));
