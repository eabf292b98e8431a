#!/usr/bin/env node
import { createBuses } from './buses/buses.ts';
import { processIo } from './cli/io.ts';
import { runCommandLine } from './cli/program.ts';
import { systemClock } from './clock.ts';
import { drivers } from './drivers.ts';

// A reader that went away (`cellgate check | head`) is no reason to die with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCommandLine(process.argv.slice(2), processIo, {
  drivers,
  clock: systemClock,
  // Only `run` needs all the rest of the gateway.
  start: async (...parts) => (await import('./main.ts')).startGateway(...parts),
  openBuses: (log, use = 'auto') => createBuses({ log, gpio: { use } }),
});
