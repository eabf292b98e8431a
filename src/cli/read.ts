import { writeFile } from 'node:fs/promises';
import type { Buses } from '../buses/bus.ts';
import { hex } from '../buses/i2c.ts';
import type { Transfer } from '../buses/playback.ts';
import { type Exchange, traced } from '../buses/traced.ts';
import type { Clock } from '../clock.ts';
import type { Driver, Samples, Tools } from '../driver.ts';
import { createBounded } from '../sensing/bounded.ts';
import { addressOf, handleFor } from '../sensing/handle.ts';
import { judge } from '../sensing/outlet.ts';
import type { Recording } from '../sensing/recording.ts';
import type { SensorConfig } from '../sensing/sampler.ts';
import { createMemoryState } from '../state.ts';

/** Where a verb writes; the process's own streams fit. */
export interface Io {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export interface ReadOptions {
  readonly sensor: string;
  /** The config's file, for messages. */
  readonly file: string;
  readonly sensors: readonly SensorConfig[];
  readonly drivers: ReadonlyMap<string, Driver>;
  readonly buses: Buses;
  readonly clock: Clock;
  /** Where to keep the transfers as a test fixture; I2C sensors only. */
  readonly record?: string;
  /** The name that was most likely meant. */
  suggest?(word: string, candidates: Iterable<string>): string | undefined;
}

const LEAST_OPEN_MS = 5000;

/** `cellgate read`: one sample, before the filters, with every transfer. Resolves to 0, or to 1 for no or a bad value. */
export async function readSensor(options: ReadOptions, io: Io): Promise<number> {
  const config = options.sensors.find(({ name }) => name === options.sensor);
  if (config === undefined) return refuse(io, unknownSensor(options));
  const driver = options.drivers.get(config.driver);
  if (driver === undefined) return refuse(io, `there is no driver "${config.driver}"`);
  if (options.record !== undefined && driver.bus !== 'i2c') {
    return refuse(io, `--record keeps I2C transfers, but ${driver.name} is not on an I2C bus`);
  }

  const exchanges: Exchange[] = [];
  const buses = traced(options.buses, (exchange) => {
    exchanges.push(exchange);
    io.stdout.write(shownExchange(exchange, driver.bus === 'i2c'));
  });
  io.stdout.write(`${config.name}: ${driver.name}${place(config, driver)}\n`);

  let samples: Samples;
  try {
    samples = await sampleOnce(config, driver, buses, options.clock);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(io, `sensor ${config.name}: ${reason}`);
  }

  let exitCode = 0;
  for (const channel of driver.channels(config.options)) {
    const { value, quality, reason } = judge(samples[channel.name], channel);
    const name = channel.name === '' ? config.name : `${config.name}/${channel.name}`;
    const shown = [
      name,
      String(value),
      channel.unit,
      quality,
      reason === undefined ? '' : `(${reason})`,
    ];
    io.stdout.write(`${shown.filter((part) => part !== '').join('  ')}\n`);
    if (quality === 'bad') exitCode = 1;
  }
  if (options.record !== undefined) {
    const recording: Recording = {
      driver: driver.name,
      address: addressOf(config, driver) ?? 0,
      options: config.options,
      transfers: exchanges.map(toTransfer),
      samples,
    };
    await writeFile(options.record, `${JSON.stringify(recording, null, 2)}\n`);
    io.stdout.write(`${exchanges.length} transfers written to ${options.record}\n`);
  }
  return exitCode;
}

async function sampleOnce(
  config: SensorConfig,
  driver: Driver,
  buses: Buses,
  clock: Clock,
): Promise<Samples> {
  const never = new AbortController().signal;
  const tools: Tools = {
    clock,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    state: createMemoryState().of(config.name),
    line: (line) => buses.gpio.line(line),
  };
  const opening = createBounded<Awaited<ReturnType<Driver['open']>>>(
    clock,
    Math.max(config.timeout, LEAST_OPEN_MS),
  );
  const sensor = await opening.run(never, (signal) =>
    driver.open(handleFor(config, driver, buses), config.options, tools, signal),
  );
  try {
    const reading = createBounded<Samples>(clock, config.timeout);
    return await reading.run(never, (signal) => sensor.read(signal));
  } finally {
    await sensor.close?.();
  }
}

function unknownSensor({ sensor, file, sensors, suggest }: ReadOptions): string {
  const names = sensors.map(({ name }) => name);
  const here = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  const meant = suggest?.(sensor, names);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  return `no sensor "${sensor}" in ${file}: ${here}${hint}`;
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
  io.stderr.write(`${sentence}\n`);
  return 1;
}
