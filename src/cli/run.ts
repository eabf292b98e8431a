import path from 'node:path';
import type { Logger } from 'pino';
import { createLog, createLogTail, type LogTail } from '../base/log.ts';
import { type LoadRequest, loadWithChanges } from '../config/load-changes.ts';
import type { Config } from '../config/schema/schema.ts';
import { formatProblem } from '../config/yaml/problem.ts';
import type { Drivers } from '../driver-kit/driver.ts';
import type { ConfigSource, Gateway } from '../runtime/gateway.ts';
import type { Loaded } from '../runtime/reload.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { EXIT, type Io } from './io.ts';

/** The function that `run` starts; a parameter, so that a test can start something smaller. */
export interface RunParts {
  readonly drivers: Drivers;
  /** Loads the config for a reload; without it as at the start. */
  loadAgain?(file: string, drivers: Drivers, cwd: string, request: LoadRequest): Promise<Loaded>;
  start(config: Config, log: Logger, tail: LogTail, source: ConfigSource): Promise<Gateway>;
}

export interface RunOptions extends ConfigOption {
  /** Models replace the hardware, whatever the config says. */
  readonly simulate?: boolean;
}

const SIMULATED =
  'SIMULATED: sensors, inputs and outputs are models, no hardware is used; uplinks are real, and send simulated readings to the plant';

function asSimulation(loaded: Loaded): Loaded {
  return loaded.config ? { ...loaded, config: { ...loaded.config, simulate: true } } : loaded;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs the gateway until SIGTERM or SIGINT: 0 after a clean stop, 1 when the config or the start fails.
 * A second signal ends the process at once with 1; an uncaught error ends it with 70.
 */
export async function run(options: RunOptions, io: Io, parts: RunParts): Promise<number> {
  const file = configFile(options, io.env);
  const as = options.simulate ? asSimulation : (loaded: Loaded): Loaded => loaded;
  const loaded = as(await loadWithChanges(file, parts.drivers, io.cwd));
  const { config, problems, warnings } = loaded;
  if (!config) {
    printProblems(problems, io.stderr, io);
    return EXIT.trouble;
  }
  const tail = createLogTail();
  const log = createLog(config.log.level, io.stdout, io.env, tail);
  for (const warning of warnings) log.warn(formatProblem(warning));
  const watch = watchProcess(io, log);
  if (config.simulate) log.warn(SIMULATED);
  const source: ConfigSource = {
    file: path.resolve(io.cwd, file),
    text: loaded.text ?? '',
    load: async (request = {}) =>
      as(await (parts.loadAgain ?? loadWithChanges)(file, parts.drivers, io.cwd, request)),
  };
  try {
    const start = (): Promise<Gateway> => parts.start(config, log, tail, source);
    return await live(start, log, watch.stopSignal, io);
  } finally {
    watch.close();
  }
}

async function live(
  start: () => Promise<Gateway>,
  log: Logger,
  stopSignal: Promise<string>,
  io: Io,
): Promise<number> {
  let gateway: Gateway | undefined;
  let isAsked = false;
  // From the first moment on: without a handler this signal ends the process.
  const onReload = (): void => {
    isAsked = gateway === undefined;
    gateway?.reload().catch((error: unknown) => {
      log.error({ err: error }, 'the reload has failed');
    });
  };
  io.events.on('SIGHUP', onReload);
  try {
    gateway = await start();
    io.ready(gateway.urls);
    if (isAsked) onReload();
    log.info(`stopping on ${await stopSignal}`);
  } catch (error) {
    return failed('could not start', error, log, io);
  } finally {
    io.events.off('SIGHUP', onReload);
  }
  try {
    await gateway.stop();
  } catch (error) {
    return failed('could not stop cleanly', error, log, io);
  }
  return EXIT.ok;
}

/** One line for the terminal; the stack only at the log level debug. */
function failed(what: string, error: unknown, log: Logger, io: Io): number {
  const message = error instanceof Error ? error.message : String(error);
  io.stderr.write(`cellgate: ${what}: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  log.debug({ err: error }, what);
  return EXIT.trouble;
}

function watchProcess(io: Io, log: Logger): { stopSignal: Promise<string>; close(): void } {
  let stopping = false;
  let resolveSignal: (signal: string) => void;
  const stopSignal = new Promise<string>((resolve) => {
    resolveSignal = resolve;
  });
  const onSignal = (signal: string): void => {
    if (stopping) io.exit(EXIT.trouble);
    stopping = true;
    resolveSignal(signal);
  };
  const onBug = (error: unknown): void => {
    log.fatal({ err: error }, 'uncaught error');
    io.exit(EXIT.bug);
  };
  for (const signal of SIGNALS) io.events.on(signal, onSignal);
  io.events.on('uncaughtException', onBug);
  io.events.on('unhandledRejection', onBug);
  return {
    stopSignal,
    close() {
      for (const signal of SIGNALS) io.events.off(signal, onSignal);
      io.events.off('uncaughtException', onBug);
      io.events.off('unhandledRejection', onBug);
    },
  };
}
