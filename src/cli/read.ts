import { writeFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { createMemoryState } from '../base/state.ts';
import type { Buses } from '../buses/buses.ts';
import { hex } from '../buses/i2c-device.ts';
import type { Transfer } from '../buses/playback.ts';
import { type Exchange, traced } from '../buses/traced.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema/schema.ts';
import type { SensorConfig } from '../config/schema/sensors.ts';
import { didYouMean } from '../config/yaml/suggestion.ts';
import { readingTopic } from '../driver-kit/cell-topics.ts';
import type { Driver, Drivers, Samples, Tools } from '../driver-kit/driver.ts';
import { addressOf, handleFor, LEAST_OPEN_MS } from '../sensors/bus-handle.ts';
import { assessQuality } from '../sensors/channel-publisher.ts';
import { createTimeLimited } from '../sensors/time-limited.ts';
import { isInUse } from '../store/database/data-folder.ts';
import { type ConfigOption, configFile, printProblems } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import type { Recording } from './recording.ts';

/** `record` is where the transfers are kept as a test fixture; I2C sensors only. */
export interface ReadOptions extends ConfigOption {
  readonly record?: string | undefined;
}

/** How `read` accesses the hardware. */
export interface ReadParts {
  readonly drivers: Drivers;
  readonly clock: Clock;
  openBuses(log: Logger, gpio?: Config['gpio']['backend']): Buses;
}

/** Takes one sample, before the filters, and shows every transfer. Resolves to 0, or to 1 for no value or a bad one. */
export async function read(
  name: string,
  options: ReadOptions,
  io: Io,
  parts: ReadParts,
): Promise<number> {
  const file = configFile(options, io.env);
  const { config, problems } = await loadConfig(file, parts.drivers, io.cwd);
  if (!config) {
    printProblems(problems, io.stderr, io);
    return EXIT.trouble;
  }
  const sensor = config.sensors.find((one) => one.name === name);
  if (sensor === undefined) return refuse(io, unknownSensor(name, file, config));
  const driver = config.drivers.get(sensor.driver)!;
  if (options.record !== undefined && driver.bus !== 'i2c') {
    return refuse(io, `--record keeps I2C transfers, but ${driver.name} is not on an I2C bus`);
  }
  // Two programs that use one chip or line at a time would both read wrong values.
  if ((driver.bus === 'i2c' || driver.bus === 'gpio-input') && isInUse(config.data)) {
    const topic = readingTopic(config.cell, name, '');
    return refuse(
      io,
      `the gateway is running and reads ${name}: stop the gateway, or subscribe to ${topic}`,
    );
  }
  const buses = parts.openBuses(createLog('warn', io.stderr, io.env), config.gpio.backend);
  try {
    return await show(sensor, driver, buses, options.record, io, parts.clock);
  } finally {
    await buses.close();
  }
}

async function show(
  sensor: SensorConfig,
  driver: Driver,
  buses: Buses,
  record: string | undefined,
  io: Io,
  clock: Clock,
): Promise<number> {
  const exchanges: Exchange[] = [];
  const watched = traced(buses, (exchange) => {
    exchanges.push(exchange);
    io.stdout.write(shownExchange(exchange, driver.bus === 'i2c'));
  });
  io.stdout.write(`${sensor.name}: ${driver.name}${place(sensor, driver)}\n`);

  const report = (sentence: string): void => void io.stdout.write(`${sentence}\n`);
  let samples: Samples;
  try {
    samples = await sampleOnce(sensor, driver, watched, clock, report);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(io, `sensor ${sensor.name}: ${reason}`);
  }
  const exitCode = showSamples(sensor, driver, samples, io);
  if (record === undefined) return exitCode;
  const recording: Recording = {
    driver: driver.name,
    address: addressOf(sensor, driver) ?? 0,
    options: sensor.options,
    transfers: exchanges.map(toTransfer),
    samples,
  };
  try {
    await writeFile(record, `${JSON.stringify(recording, null, 2)}\n`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return refuse(
      io,
      `can't write ${record} (${code}): name a file in a folder that you may write`,
    );
  }
  io.stdout.write(`${exchanges.length} transfers written to ${record}\n`);
  return exitCode;
}

function showSamples(sensor: SensorConfig, driver: Driver, samples: Samples, io: Io): number {
  let code: number = EXIT.ok;
  for (const channel of driver.channels(sensor.options)) {
    const { value, quality, reason } = assessQuality(samples[channel.name], channel);
    const shown = [
      channel.name === '' ? sensor.name : `${sensor.name}/${channel.name}`,
      String(value),
      channel.unit,
      quality,
      reason === undefined ? '' : `(${reason})`,
    ];
    io.stdout.write(`${shown.filter((part) => part !== '').join('  ')}\n`);
    if (quality === 'bad') code = EXIT.trouble;
  }
  return code;
}

async function sampleOnce(
  config: SensorConfig,
  driver: Driver,
  buses: Buses,
  clock: Clock,
  report: Tools['report'],
): Promise<Samples> {
  const never = new AbortController().signal;
  const tools: Tools = {
    clock,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    state: createMemoryState().of(config.name),
    report,
    line: (line) => buses.gpio.line(line),
  };
  const opening = createTimeLimited<Awaited<ReturnType<Driver['open']>>>(
    clock,
    Math.max(config.timeout, LEAST_OPEN_MS),
  );
  const sensor = await opening.run(never, (signal) =>
    driver.open(handleFor(config, driver, buses), config.options, tools, signal),
  );
  try {
    const reading = createTimeLimited<Samples>(clock, config.timeout);
    return await reading.run(never, (signal) => sensor.read(signal));
  } finally {
    await sensor.close?.();
  }
}

function unknownSensor(name: string, file: string, { sensors }: Config): string {
  const names = sensors.map((sensor) => sensor.name);
  const here = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return `no sensor "${name}" in ${file}: ${here}${didYouMean(name, names)}`;
}

function place(config: SensorConfig, driver: Driver): string {
  const address = addressOf(config, driver);
  if (driver.bus === 'gpio-input') return ` on line ${config.line}`;
  if (driver.bus === 'gpio-inputs') return ` on lines ${config.lines?.join(', ')}`;
  if (driver.bus !== 'i2c' || address === undefined) return '';
  return ` at ${hex(address)} on ${config.bus ?? 'i2c-1'}`;
}

function shownExchange({ where, sent, received, error }: Exchange, bytesOnly: boolean): string {
  const request = bytesOnly ? sent : `${where} ${sent}`.trim();
  const lines = [
    ...(request === '' ? [] : [`> ${request}`]),
    ...(received === undefined || received === '' ? [] : [`< ${received}`]),
    ...(error === undefined ? [] : [`! ${error}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function toTransfer({ sent, received, error }: Exchange): Transfer {
  const write = sent.replaceAll(' ', '');
  return error === undefined
    ? { write, read: (received ?? '').replaceAll(' ', '') }
    : { write, error };
}

function refuse(io: Io, sentence: string): number {
  io.stderr.write(`cellgate: ${sentence}\n`);
  return EXIT.trouble;
}
