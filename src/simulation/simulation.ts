import type { Clock } from '../base/clock.ts';
import type { Service } from '../base/lifecycle.ts';
import { BusError } from '../buses/bus-error.ts';
import type { GpioBackend } from '../buses/gpio-backend.ts';
import type { GpioOutput, GpioOutputOptions } from '../buses/gpio-line.ts';
import { createSimulatedBackend } from '../buses/gpio-simulated.ts';
import { hex } from '../buses/i2c-device.ts';
import { type PinSpec, parsePin } from '../config/schema/pins.ts';
import type { Config } from '../config/schema/schema.ts';
import { channelsOf, type SensorConfig } from '../config/schema/sensors.ts';
import { didYouMean } from '../config/yaml/suggestion.ts';
import type { Driver, Drivers, Sensor } from '../driver-kit/driver.ts';
import type { Value } from '../driver-kit/reading.ts';
import { createForced, type Forced } from './forced.ts';
import { simulatedTrouble } from './mark.ts';
import { createSimulatedSensor, SIMULATED_FAILURE, withForced } from './simulated-sensor.ts';

type Simulated = Pick<Config, 'sensors' | 'outputs' | 'powerFail' | 'drivers'>;

/** What a simulation does at this moment, for the status. */
export interface SimulationStatus {
  /** Names that fail by a command. */
  readonly failing: readonly string[];
  /** Values that were set, by name. */
  readonly values: Readonly<Record<string, Value>>;
}

/** How the power supply is named in commands. */
const POWER = 'power';
const WORDS: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['true', true],
  ['off', false],
  ['false', false],
]);

/**
 * The hardware of a config as models: sensors give plausible values, outputs keep what is written, the supply is present
 * and interlocks allow. No bus is opened. A command makes each fail, or have a value.
 */
export class Simulation implements Service {
  readonly name = 'simulation';
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #began: number;
  readonly #forced = new Map<string, Forced>();
  /** Levels of the GPIO lines and of the pins of expanders, by their name in the config. */
  readonly #levels = new Map<string, boolean>();
  #config: Simulated;
  /** All GPIO lines. */
  readonly backend: GpioBackend;

  constructor(config: Simulated, clock: Pick<Clock, 'monotonic'>) {
    this.#config = config;
    this.#clock = clock;
    this.#began = clock.monotonic();
    this.backend = createSimulatedBackend(this.#levels, (line) => this.#refuse(line));
    this.#setInputs();
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {}

  readonly trouble = simulatedTrouble;

  /** Commands stay for what is in both configs. */
  async applyConfig(config: Simulated): Promise<void> {
    this.#config = config;
    const names = this.#names();
    for (const name of this.#forced.keys()) if (!names.includes(name)) this.#forced.delete(name);
    this.#setInputs();
  }

  /** Opens the model of a sensor, in place of its driver. A driver that makes its values up itself stays. */
  readonly openSensor = async (
    config: SensorConfig,
    driver: Driver,
    open: () => Promise<Sensor>,
  ): Promise<Sensor> => {
    const forced = this.#of(config.name);
    const { name, options } = config;
    const channels = channelsOf(config, driver);
    const seconds = (): number => (this.#clock.monotonic() - this.#began) / 1000;
    if (driver.name !== 'simulated') {
      return createSimulatedSensor({ name, driver, options, channels, forced, seconds });
    }
    return withForced(await open(), channels, forced);
  };

  /** A pin of an expander, as a line. */
  readonly pins = {
    open: (spec: PinSpec, options: GpioOutputOptions): Promise<GpioOutput> =>
      this.backend.output({ kind: 'name', name: pinName(spec) }, options),
  };

  /** Makes what has this name fail (`fail`), be well again (`ok`) or have a value; returns why that is not possible. */
  command(name: string, what: string): string | undefined {
    const names = this.#named(name);
    if (what === 'fail' || what === 'ok') {
      if (names.length === 0) return this.#unknown(name);
      for (const one of names) this.#fail(one, what === 'fail');
      return undefined;
    }
    return this.#setValue(name, what);
  }

  status(): SimulationStatus {
    const all = [...this.#forced];
    const values = all.flatMap(([name, { values: own }]) =>
      [...own].map(([channel, value]) => [channel === '' ? name : `${name}/${channel}`, value]),
    );
    return {
      failing: all.flatMap(([name, { failing }]) => (failing ? [name] : [])),
      values: Object.fromEntries(values),
    };
  }

  /** The supply is present, and the interlocks allow. */
  #setInputs(): void {
    const { outputs, powerFail } = this.#config;
    for (const { interlock } of outputs) {
      if (!interlock || this.#levels.has(interlock.line)) continue;
      this.#levels.set(interlock.line, interlock.is !== interlock.activeLow);
    }
    if (powerFail) this.#levels.set(powerFail.line, !powerFail.lost);
  }

  #refuse(line: string): void {
    const { outputs } = this.#config;
    const output = outputs.find((one) => lineName(one.line) === line);
    if (!output || !this.#forced.get(output.name)?.failing) return;
    throw new BusError('failed', `line ${line}: ${SIMULATED_FAILURE}`);
  }

  #names(): string[] {
    const { sensors, outputs, powerFail } = this.#config;
    const named = [...sensors, ...outputs].map(({ name }) => name);
    return [...named, ...(powerFail ? [POWER] : [])];
  }

  /** What has this name, or a name below it: `cabinet` is `cabinet/temperature` too. */
  #named(name: string): string[] {
    return this.#names().filter((one) => one === name || one.startsWith(`${name}/`));
  }

  #of(name: string): Forced {
    const known = this.#forced.get(name) ?? createForced();
    this.#forced.set(name, known);
    return known;
  }

  #fail(name: string, fails: boolean): void {
    const { powerFail } = this.#config;
    const forced = this.#of(name);
    forced.failing = fails;
    if (!fails) forced.values.clear();
    forced.changed();
    if (name === POWER && powerFail) this.#levels.set(powerFail.line, powerFail.lost === fails);
  }

  #setValue(name: string, what: string): string | undefined {
    const { sensors, outputs, drivers } = this.#config;
    const value = WORDS.get(what) ?? (what.trim() === '' ? Number.NaN : Number(what));
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return `"${what}": expected fail, ok, a number, on or off`;
    }
    const lock = outputs.find(({ interlock }) => interlock?.line === name)?.interlock;
    if (lock && typeof value === 'boolean') {
      this.#levels.set(name, value !== lock.activeLow);
      return undefined;
    }
    if (outputs.some((one) => one.name === name)) {
      return `${name} is an output: it has what was written (cellgate set ${name} ${what})`;
    }
    const sensor = sensors.find((one) => name === one.name || name.startsWith(`${one.name}/`));
    if (!sensor) return this.#unknown(name);
    const channels = channelNames(sensor, drivers);
    const channel = name.slice(sensor.name.length + 1);
    if (!channels.includes(channel)) {
      const wanted = channels.map((one) => `${sensor.name}/${one}`).join(', ');
      return `there is no value "${name}", expected ${wanted}`;
    }
    const forced = this.#of(sensor.name);
    forced.values.set(channel, value);
    forced.changed();
    return undefined;
  }

  #unknown(name: string): string {
    const names = this.#names();
    return `there is no sensor and no output "${name}"${didYouMean(name, names)}`;
  }
}

/** The name of a line as the backend knows it. */
function lineName(line: string): string {
  const pin = parsePin(line);
  return pin ? pinName(pin) : line;
}

function pinName({ driver, bus, address, pin }: PinSpec): string {
  return `${driver}@${bus}/${hex(address)}:${pin}`;
}

function channelNames(sensor: SensorConfig, drivers: Drivers): readonly string[] {
  const driver = drivers.get(sensor.driver);
  return driver ? channelsOf(sensor, driver).map(({ name }) => name) : [];
}
