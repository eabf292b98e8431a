import type { Clock } from '../base/clock.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import type { Output } from './output.ts';

export interface ControllerParts {
  readonly output: Output;
  readonly clock: Clock;
  /** Passes every message of a topic to the receiver until the returned function is called. */
  subscribe(topic: string, receive: () => void): () => void;
}

type Controller = NonNullable<OutputConfig['controller']>;

/** Why an output is held while its controller is silent; undefined without a controller. */
export function controllerReason({ controller }: OutputConfig): string | undefined {
  return controller && silence(controller);
}

/**
 * Holds the output when `within` has passed since the last message of the controller's topic, until the next message.
 * Returns the function that ends this.
 */
export function watchController(controller: Controller, parts: ControllerParts): () => void {
  const { output, clock, subscribe } = parts;
  const { topic, within } = controller;
  const reason = silence(controller);
  let timeout = new AbortController();
  const unsubscribe = subscribe(topic, () => {
    timeout.abort();
    timeout = new AbortController();
    void output.hold(reason, false);
    clock.sleep(within, timeout.signal).then(
      () => output.hold(reason, true),
      () => undefined,
    );
  });
  return () => {
    timeout.abort();
    unsubscribe();
  };
}

function silence({ topic, within }: Controller): string {
  return `no message on ${topic} for ${within / 1000} s`;
}
