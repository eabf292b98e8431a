import { type Trouble, troubleSentences } from './troubles.ts';

/** A part of the gateway with a life: `start` resolves when it works, `stop` when it has released everything. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One sentence for the operator, or undefined while all is well. */
  trouble?(): string | undefined;
  /** The same for a service that may have several at a time; one sentence each. */
  troubles?(): readonly string[];
  /** What of many does not work: those with one cause are one trouble. */
  failures?(): readonly Trouble[];
}

/** A part of the gateway that can continue with another config. */
export interface Reconfigurable<Config> {
  readonly name: string;
  /** Brings the part to the config, from whatever it has; a part for which nothing has changed does nothing. */
  applyConfig(config: Config): Promise<void>;
}

/** The services of one process. They start in the order in which they were added and stop in reverse. */
export class Services<Config> {
  readonly #all: Service[] = [];
  readonly #reconfigurable: Reconfigurable<Config>[] = [];
  #started: Service[] = [];

  /** Adds a service that has not started; `applyConfig` brings it to another config while it runs. */
  add(service: Service, applyConfig?: Reconfigurable<Config>['applyConfig']): void {
    this.#all.push(service);
    if (applyConfig) this.#reconfigurable.push({ name: service.name, applyConfig });
  }

  /** Those that a reload brings to another config, in the order of start. */
  get reconfigurable(): readonly Reconfigurable<Config>[] {
    return this.#reconfigurable;
  }

  /** Starts all. When one can't start, those that had started are stopped and the error names the one that failed. */
  async start(): Promise<void> {
    for (const service of this.#all) {
      try {
        await service.start();
        this.#started.push(service);
      } catch (cause) {
        await this.stop().catch(() => undefined);
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`${service.name}: ${message}`, { cause });
      }
    }
  }

  /** Stops those that have started, also when one of them fails; rejects with all failures. */
  async stop(): Promise<void> {
    const started = this.#started;
    this.#started = [];
    const failures: unknown[] = [];
    for (const service of started.reverse()) {
      try {
        await service.stop();
      } catch (cause) {
        failures.push(new Error(`${service.name}: could not stop`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some services could not stop');
  }

  /** What is wrong at this moment, one sentence each. */
  troubles(): string[] {
    const sentences = this.#all.flatMap((service) => [
      ...(service.troubles?.() ?? []),
      ...[service.trouble?.() ?? []].flat(),
    ]);
    const failures = this.#all.flatMap((service) => service.failures?.() ?? []);
    return [...sentences, ...troubleSentences(failures)];
  }
}
