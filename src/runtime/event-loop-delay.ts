import { performance } from 'node:perf_hooks';
import { Latency } from '../base/latency.ts';
import type { Service } from '../base/lifecycle.ts';

const EVERY_MS = 20;

/** Measures how late timers are: as long as one turn of the event loop works, everything else waits. */
export class EventLoopDelay implements Service {
  readonly name = 'event-loop-delay';
  readonly delay: Latency = new Latency();
  #timer: NodeJS.Timeout | undefined;

  async start(): Promise<void> {
    let due = performance.now() + EVERY_MS;
    const measure = (): void => {
      const now = performance.now();
      this.delay.observe(Math.max(0, now - due));
      due = now + EVERY_MS;
    };
    this.#timer = setInterval(measure, EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }
}
