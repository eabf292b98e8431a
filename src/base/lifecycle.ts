/** A part of the gateway with a life: `start` resolves when it works, `stop` when it has let go of everything. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One sentence for the people in front of the cabinet, or undefined while all is well. */
  trouble?(): string | undefined;
}

/**
 * Starts the services in order; the returned function stops them in reverse.
 * When one can't start, those that had started are stopped and the error names the one that failed.
 */
export async function startAll(services: readonly Service[]): Promise<() => Promise<void>> {
  const running: Service[] = [];
  const stopAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let service = running.pop(); service; service = running.pop()) {
      try {
        await service.stop();
      } catch (cause) {
        failures.push(new Error(`${service.name}: could not stop`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some services could not stop');
  };
  for (const service of services) {
    try {
      await service.start();
      running.push(service);
    } catch (cause) {
      await stopAll().catch(() => undefined);
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${service.name}: ${message}`, { cause });
    }
  }
  return stopAll;
}
