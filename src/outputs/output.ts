import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { createMutex } from '../base/mutex.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import type { Quality } from '../driver-kit/reading.ts';
import type { Command, Refused } from './command.ts';
import { DrivenLine, type DrivenLineParts, onOrOff } from './driven-line.ts';
import { createRecentResults, type Result } from './recent-results.ts';

export interface OutputParts extends Omit<DrivenLineParts, 'onLost'> {
  readonly clock: Clock;
  readonly log: Logger;
  publishResult(topic: string, payload: Uint8Array): void;
}

/** An output at this moment, for status pages. */
export interface OutputStatus {
  readonly name: string;
  readonly topic: string;
  readonly value: boolean | null;
  readonly quality: Quality;
  readonly reason?: string;
  readonly safe: boolean;
}

/**
 * One line, driven only by this output: it follows commands, unless it must be safe. The line is opened by the first
 * `check`. Every operation waits for the one before it.
 */
export class Output {
  readonly #config: OutputConfig;
  readonly #parts: OutputParts;
  readonly #line: DrivenLine;
  readonly #recent = createRecentResults();
  readonly #inOrder = createMutex();
  readonly #holds = new Set<string>();
  /** Cancels the delayed action of the last command. */
  #pulse = new AbortController();
  #closed = false;

  constructor(config: OutputConfig, parts: OutputParts) {
    this.#config = config;
    this.#parts = parts;
    this.#line = new DrivenLine(config, { ...parts, onLost: () => this.#pulse.abort() });
  }

  /** Carries a command out, or refuses it; publishes the result and then the value of the line. Never rejects. */
  command(command: Command | Refused): Promise<void> {
    return this.#inOrder(async () => {
      const id = command.id === undefined ? {} : { id: command.id };
      if ('refused' in command) {
        this.#publishResult({ ...id, ok: false, reason: command.refused });
        return;
      }
      const before = this.#recent.find(command.id);
      if (before !== undefined) {
        this.#publishResult(before);
        return;
      }
      const reason = await this.#carryOut(command);
      const result: Result =
        reason === undefined ? { ...id, ok: true } : { ...id, ok: false, reason };
      this.#recent.keep(result);
      this.#publishResult(result);
    });
  }

  /** Holds the output safe while there is a reason; earlier commands are not carried out again after that. */
  hold(reason: string, held: boolean): Promise<void> {
    return this.#inOrder(async () => {
      if (!held) {
        this.#holds.delete(reason);
        return;
      }
      if (this.#holds.has(reason)) return;
      this.#holds.add(reason);
      await this.#goSafe(reason);
    });
  }

  /** Makes the output safe once; later commands are accepted. */
  makeSafe(reason: string): Promise<void> {
    return this.#inOrder(() => this.#goSafe(reason));
  }

  /** Reads the line back, opening it if it is not open; publishes what has changed. */
  check(): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#closed) await this.#line.check();
    });
  }

  /** Makes the output safe and releases the line. */
  close(): Promise<void> {
    return this.#inOrder(async () => {
      this.#closed = true;
      await this.#goSafe('the gateway stops');
      await this.#line.close();
    });
  }

  trouble(): string | undefined {
    const { failure } = this.#line;
    return failure === undefined ? undefined : `${this.#config.name}: ${failure}`;
  }

  status(): OutputStatus {
    const { name, safe } = this.#config;
    return { name, topic: this.#parts.topic, safe, ...this.#line.latest };
  }

  async #goSafe(reason: string): Promise<void> {
    const { name, safe } = this.#config;
    this.#pulse.abort();
    if (this.#line.wanted !== safe) {
      this.#parts.log.warn(`output ${name}: goes ${onOrOff(safe)}, ${reason}`);
    }
    if (this.#line.isOpen) await this.#line.drive(safe);
  }

  async #carryOut(command: Command): Promise<string | undefined> {
    const refusal = this.#refusal(command);
    if (refusal !== undefined) return refusal;
    const { safe, longest } = this.#config;
    const { value, forMs } = command;
    this.#pulse.abort();
    this.#pulse = new AbortController();
    const reason = await this.#line.drive(value);
    if (!this.#line.isOpen) return reason;
    if (forMs !== undefined) this.#driveAfter(forMs, !value, 'its time is over');
    if (longest !== undefined && value !== safe) {
      this.#driveAfter(longest, safe, 'it was so for too long');
    }
    return reason;
  }

  #refusal({ value, given, forMs }: Command): string | undefined {
    if (this.#closed) return 'the gateway stops';
    const { maxAge, safe } = this.#config;
    const age = given === undefined ? 0 : this.#parts.clock.wall() - given;
    if (age > maxAge) {
      return `too late: given ${(age / 1000).toFixed(1)} s ago, at most ${maxAge / 1000} s`;
    }
    const [hold] = this.#holds;
    const endsUnsafe = forMs !== undefined && !value !== safe;
    return value !== safe || endsUnsafe ? hold : undefined;
  }

  /** Drives the line after a delay, unless another command or a safe state comes first. */
  #driveAfter(ms: number, value: boolean, reason: string): void {
    const { signal } = this.#pulse;
    const due = async (): Promise<void> => {
      if (signal.aborted) return;
      this.#pulse.abort();
      if (value === this.#config.safe) await this.#goSafe(reason);
      else if (this.#holds.size === 0) await this.#line.drive(value);
    };
    this.#parts.clock.sleep(ms, signal).then(
      () => this.#inOrder(due),
      () => undefined,
    );
  }

  #publishResult(result: Result): void {
    const { topic, publishResult } = this.#parts;
    publishResult(`${topic}/result`, Buffer.from(JSON.stringify(result)));
  }
}
