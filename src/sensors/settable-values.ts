import type { Logger } from 'pino';
import type { Sensor } from '../driver-kit/driver.ts';
import type { ChannelPublisher } from './channel-publisher.ts';
import { parseSetCommand, type ReceivedSetCommand, type SetCommand } from './set-command.ts';

/** How commands come, and where their results go. */
export interface SetTopics {
  /** Passes every message of a topic to the receiver until the returned function is called; without it, no commands come. */
  readonly subscribe?:
    | ((topic: string, receive: (message: ReceivedSetCommand) => void) => () => void)
    | undefined;
  /** Publishes the result of a command, not retained. */
  readonly publishResult?: ((topic: string, payload: Uint8Array) => void) | undefined;
}

export interface SettableValuesParts extends SetTopics {
  /** The name of the sensor. */
  readonly name: string;
  readonly log: Logger;
  readonly publishers: readonly ChannelPublisher[];
  /** The sensor while it is open. */
  sensor(): Sensor | undefined;
  /** Why it is not open, if that is known. */
  failure(): string | undefined;
}

/** The counters, positions and sums of one sensor, which commands can correct. */
export class SettableValues {
  readonly #parts: SettableValuesParts;
  readonly #unsubscribes: (() => void)[] = [];

  constructor(parts: SettableValuesParts) {
    this.#parts = parts;
  }

  /** Receives commands on `<topic>/set` of each channel that counts. */
  start(): void {
    const { publishers, subscribe, publishResult } = this.#parts;
    if (!subscribe || this.#unsubscribes.length > 0) return;
    for (const { channel, topic, isSettable } of publishers) {
      if (!isSettable) continue;
      const unsubscribe = subscribe(`${topic}/set`, ({ payload, answer }) => {
        const command = parseSetCommand(payload);
        if (command === undefined) return;
        const reason = 'refused' in command ? command.refused : this.set(channel.name, command);
        const named = command.id === undefined ? {} : { id: command.id };
        const why = reason === undefined ? {} : { reason };
        const result = Buffer.from(JSON.stringify({ ...named, ok: reason === undefined, ...why }));
        publishResult?.(`${topic}/result`, result);
        answer?.(result);
      });
      this.#unsubscribes.push(unsubscribe);
    }
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribes.splice(0)) unsubscribe();
  }

  /** Sets a channel that counts, and logs it; returns why that is not possible. */
  set(channel: string, { value, by = 'a client' }: SetCommand): string | undefined {
    const { name, publishers, sensor, failure, log } = this.#parts;
    const publisher = publishers.find((one) => one.channel.name === channel);
    if (!publisher?.isSettable) return 'it does not count, so it has no value that can be set';
    const before = publisher.latest?.value ?? null;
    try {
      publisher.set(value, (raw) => {
        const open = sensor();
        if (!open?.set) throw new Error(failure() ?? 'the sensor is not open');
        open.set(channel, raw);
      });
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    const which = channel === '' ? name : `${name}/${channel}`;
    log.warn({ before, value }, `sensor ${which}: set to ${value} by ${by}`);
    return undefined;
  }
}
