import { type Trouble, troubleSentences } from './troubles.ts';

/** A part of the gateway that starts and stops: `start` resolves when it works, `stop` when it has released everything. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One sentence for the operator, or undefined while there is no trouble. */
  trouble?(): string | undefined;
  /** The same for a service that may have several at a time; one sentence each. */
  troubles?(): readonly string[];
  /** What of many does not work: those with one cause are one trouble. */
  failures?(): readonly Trouble[];
}

/** A part of the gateway that can continue with another config. */
export interface Reconfigurable<Config> {
  readonly name: string;
  /** Applies the config, whatever the present one is; a part does nothing if its settings have not changed. */
  applyConfig(config: Config): Promise<void>;
  /** Called when all parts have the config: what can't be undone. */
  configApplied?(): void;
}

/** The services of one process. They start in the order in which they were added and stop in reverse. */
export class Services<Config> {
  readonly #all: Service[] = [];
  readonly #reconfigurable: Reconfigurable<Config>[] = [];
  #started: Service[] = [];

  /** Adds a service that has not started; `applyConfig` applies another config while it runs. */
  add(
    service: Service,
    applyConfig?: Reconfigurable<Config>['applyConfig'],
    configApplied: () => void = () => undefined,
  ): void {
    this.#all.push(service);
    if (applyConfig) {
      this.#reconfigurable.push({ name: service.name, applyConfig, configApplied });
    }
  }

  /** The services to which a reload applies another config, in the order of start. */
  get reconfigurable(): readonly Reconfigurable<Config>[] {
    return this.#reconfigurable;
  }

  /** Starts all. If one fails, the services that had started are stopped, and the error names the failed one. */
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

  /** Stops the started services, even if one of them fails; rejects with all failures. */
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

  /** What is wrong at this moment, one sentence each: first those of the named services, then in the order of start. */
  troubles(order: readonly string[] = []): string[] {
    const place = ({ name }: Service): number => {
      const found = order.indexOf(name);
      return found < 0 ? order.length : found;
    };
    const sorted = [...this.#all].sort((a, b) => place(a) - place(b));
    const sentences = sorted.flatMap((service) => [
      ...(service.troubles?.() ?? []),
      ...[service.trouble?.() ?? []].flat(),
    ]);
    const failures = sorted.flatMap((service) => service.failures?.() ?? []);
    return [...sentences, ...troubleSentences(failures)];
  }
}
