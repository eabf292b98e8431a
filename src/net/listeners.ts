import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/schema/listeners.ts';
import { type Listener, openListener } from './listener.ts';
import type { Accept } from './transport.ts';

export interface ListenerSetParts {
  /** Bytes, milliseconds and a count; read whenever a listener opens. */
  readonly limits: {
    readonly packet: number;
    readonly tcpKeepalive: number;
    readonly connections: number;
  };
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Logger;
  readonly accept: Accept;
  /** Hears why somebody could not come in at an address. */
  onTrouble(address: string, reason: string): void;
}

/** All listeners that are open. */
export class ListenerSet {
  readonly #parts: ListenerSetParts;
  readonly #open = new Map<
    string,
    { readonly config: ListenerConfig; readonly listener: Listener }
  >();

  constructor(parts: ListenerSetParts) {
    this.#parts = parts;
  }

  get urls(): readonly string[] {
    return [...this.#open.values()].map(({ listener }) => listener.url);
  }

  /** What is wrong with certificates, in a sentence each. */
  troubles(): string[] {
    const all = [...this.#open.values()].map(({ listener }) => listener.trouble());
    return all.filter((trouble) => trouble !== undefined);
  }

  /**
   * Opens these listeners and closes others; one that is open as it should be is left alone, one that has changed lets
   * go of its clients. Rejects with a sentence when one can't open; those before it are open then.
   */
  async applyConfig(configs: readonly ListenerConfig[]): Promise<void> {
    const wanted = new Map(configs.map((config, index) => [placeOf(config, index), config]));
    for (const [place, { config, listener }] of this.#open) {
      if (isDeepStrictEqual(config, wanted.get(place))) continue;
      this.#open.delete(place);
      await listener.stop();
      this.#parts.log.info({ url: listener.url }, 'no longer listening');
    }
    for (const [index, config] of configs.entries()) {
      const place = placeOf(config, index);
      if (this.#open.has(place)) continue;
      const address = `${config.host}:${config.port}`;
      const onTrouble = ({ message }: Error): void => this.#parts.onTrouble(address, message);
      const listener = await openListener({ ...this.#parts, config, index, onTrouble });
      this.#open.set(place, { config, listener });
      this.#parts.log.info({ url: listener.url }, 'listening');
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ listener }) => listener.stop()));
    this.#open.clear();
  }
}

/** What tells one listener from another: its address. */
function placeOf({ host, port }: ListenerConfig, index: number): string {
  return `${host} ${port === 0 ? `any, ${index}` : port}`;
}
