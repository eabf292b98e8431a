import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/schema/listeners.ts';
import { type Listener, openListener } from './listener.ts';
import type { Accept } from './transport.ts';

export interface ListenerSetParts {
  /** Bytes, milliseconds and a count; read each time a listener opens. */
  readonly limits: {
    readonly packet: number;
    readonly tcpKeepalive: number;
    readonly connections: number;
  };
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Logger;
  readonly accept: Accept;
  /** Where connections put what they read; a chunk is valid until it has been handled. */
  readonly readBuffer: Buffer;
  /** Called when a connection to an address could not be accepted. */
  onTrouble(address: string, reason: string): void;
  /** A TLS handshake with this address has failed. */
  onHandshakeFailed(address: string, reason: string): void;
}

/** All open listeners. */
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

  /** The problems of certificates, one sentence each. */
  troubles(): string[] {
    const all = [...this.#open.values()].map(({ listener }) => listener.trouble());
    return all.filter((trouble) => trouble !== undefined);
  }

  /**
   * Opens these listeners and closes all others; an open listener with the same config stays open, a changed one is
   * closed and opened. Rejects with a sentence if one can't open; then the listeners before it are open.
   */
  async applyConfig(configs: readonly ListenerConfig[]): Promise<void> {
    const wanted = new Map(configs.map((config, index) => [keyOf(config, index), config]));
    for (const [key, { config, listener }] of this.#open) {
      if (isDeepStrictEqual(config, wanted.get(key))) continue;
      this.#open.delete(key);
      await listener.stop();
      this.#parts.log.info({ url: listener.url }, 'no longer listening');
    }
    for (const [index, config] of configs.entries()) {
      const key = keyOf(config, index);
      if (this.#open.has(key)) continue;
      const address = `${config.host}:${config.port}`;
      const onTrouble = ({ message }: Error): void => this.#parts.onTrouble(address, message);
      const listener = await openListener({ ...this.#parts, config, index, onTrouble });
      this.#open.set(key, { config, listener });
      this.#parts.log.info({ url: listener.url }, 'listening');
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ listener }) => listener.stop()));
    this.#open.clear();
  }
}

/** Identifies a listener by its address; port 0 by its index too. */
function keyOf({ host, port }: ListenerConfig, index: number): string {
  return `${host} ${port === 0 ? `any, ${index}` : port}`;
}
