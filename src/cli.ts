#!/usr/bin/env node
import * as nodeModule from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { processIo } from './cli/io.ts';

// Until the first collection when idle, the young generation would have the size that loading the program gives it.
// Set before the imports below, which make most of that garbage.
if (process.argv[2] === 'run') setFlagsFromString('--semi-space-growth-factor=1');
const growAsUsual = (): void => setFlagsFromString('--semi-space-growth-factor=2');

/** Writes what V8 has compiled to the folder of NODE_COMPILE_CACHE: the next start reads it. Node has it from 22.10 on. */
const keepCompiled = (nodeModule as { flushCompileCache?: () => void }).flushCompileCache;

// On a machine with much memory V8 lets the heap grow to four times what is in use before it collects: here twice.
setFlagsFromString('--heap-growing-percent=100');

// A reader that closes its end (`cellgate check | head`) must not end the process with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const [{ createBuses }, { runCommandLine }, { systemClock }, { drivers }] = await Promise.all([
  import('./buses/buses.ts'),
  import('./cli/program.ts'),
  import('./base/clock.ts'),
  import('./driver-table.ts'),
]);

process.exitCode = await runCommandLine(process.argv.slice(2), processIo, {
  drivers,
  clock: systemClock,
  loadAgain: async (...config) => {
    const { loadInThread } = await import('./cli/load-in-thread.ts');
    return loadInThread(...config);
  },
  // Only `run` needs the other parts of the gateway.
  start: async (...parts) => {
    const { startGateway } = await import('./main.ts');
    // What is stored is loaded next, and may be much: with the smallest young generation that takes half as long again.
    growAsUsual();
    const gateway = await startGateway(...parts);
    keepCompiled?.();
    return gateway;
  },
  openBuses: (log, use = 'auto') => createBuses({ log, gpio: { use } }),
});

// A host name that is still being looked up would hold the process for as long as the name server is silent.
const LAST_WORK_MS = 1000;
if (process.argv[2] === 'run') setTimeout(() => process.exit(), LAST_WORK_MS).unref();
