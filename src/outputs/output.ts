import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { createMutex } from '../base/mutex.ts';
import type { Trouble } from '../base/troubles.ts';
import { sharedFault } from '../buses/bus-error.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import type { Refused } from '../driver-kit/command.ts';
import type { Quality } from '../driver-kit/reading.ts';
import type { Command } from './command.ts';
import { DrivenLine, type DrivenLineParts, onOrOff } from './driven-line.ts';
import { createRecentResults, type Result } from './recent-results.ts';
import { type Level, SwitchLog } from './switch-log.ts';

export interface OutputParts extends Omit<DrivenLineParts, 'onLost'> {
  readonly clock: Clock;
  readonly log: Logger;
  publishResult(topic: string, payload: Uint8Array): void;
  /** The value of the last run, and how it is kept; undefined where the output begins in its safe state. */
  readonly last?: { readonly value: boolean | undefined; keep(value: boolean): void } | undefined;
}

/** What a command is beside its payload. */
export interface CommandContext {
  /** Whether the time in which it is worth something has passed. */
  isExpired(): boolean;
  /** Who has sent it, for the log. */
  readonly sender?: string | undefined;
  /** Publishes the result to the sender of the command, too. */
  answer?: ((payload: Uint8Array) => void) | undefined;
}

/** Commands of one output that wait for their turn and are to be answered: each keeps what its sender wants back. */
const MOST_ANSWERS = 100;
const EXPIRED = 'too late: the command has expired';
const PLAIN: CommandContext = { isExpired: () => false };

/** An output at this moment, for status pages. */
export interface OutputStatus {
  readonly name: string;
  readonly topic: string;
  readonly value: boolean | null;
  readonly quality: Quality;
  readonly reason?: string;
  readonly safe: boolean;
  /** When it was switched last since the start, as ISO 8601, and by whom or why: `switched on by user "anna"`. */
  readonly changed?: { readonly at: string; readonly what: string };
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
  readonly #switches: SwitchLog;
  #lastChange: OutputStatus['changed'];
  readonly #holds = new Set<string>();
  /** Cancels the delayed action of the last command. */
  #pulse = new AbortController();
  #closed = false;
  /** What the alarm that it follows says; undefined if it follows none. */
  #followed: boolean | undefined;
  /** The value of the last run, until the line is open or a command comes. */
  #toRestore: boolean | undefined;
  /** Commands that wait and are to be answered. */
  #answers = 0;

  constructor(config: OutputConfig, parts: OutputParts) {
    this.#config = config;
    this.#parts = parts;
    this.#toRestore = parts.last?.value;
    this.#switches = new SwitchLog(parts.log, config.name, parts.clock.monotonic);
    this.#line = new DrivenLine(config, { ...parts, onLost: () => this.#pulse.abort() });
  }

  /** Carries a command out, or refuses it; publishes the result and then the value of the line. Never rejects. */
  async command(command: Command | Refused, context: CommandContext = PLAIN): Promise<void> {
    const { answer } = context;
    if (answer && this.#answers >= MOST_ANSWERS) {
      this.#publishResult(resultOf(command, 'too many commands wait for their answer'), answer);
      return;
    }
    if (answer) this.#answers++;
    await this.#inOrder(async () => {
      const result = await this.#resultOf(command, context);
      if (answer) this.#answers--;
      this.#publishResult(result, answer);
    });
  }

  async #resultOf(command: Command | Refused, context: CommandContext): Promise<Result> {
    if ('refused' in command) return resultOf(command, command.refused);
    const before = this.#recent.find(command.id);
    if (before !== undefined) return before;
    const reason = context.isExpired() ? EXPIRED : await this.#carryOut(command, context);
    const result = resultOf(command, reason);
    this.#recent.keep(result);
    return result;
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
    return this.#inOrder(async () => {
      this.#keep(this.#config.safe);
      await this.#goSafe(reason);
    });
  }

  /** Sets the output to what the alarm says, now and whenever nothing holds it safe. */
  follow(value: boolean): Promise<void> {
    return this.#inOrder(async () => {
      this.#followed = value;
      await this.#driveFollowed();
    });
  }

  /** Reads the line back, opening it if it is not open; publishes what has changed. */
  check(): Promise<void> {
    return this.#inOrder(async () => {
      if (this.#closed) return;
      this.#switches.flush();
      await this.#line.check();
      await this.#driveFollowed();
      await this.#restore();
    });
  }

  /** Makes the output safe and releases the line. */
  close(): Promise<void> {
    return this.#inOrder(async () => {
      this.#closed = true;
      await this.#goSafe('the gateway stops');
      await this.#line.close();
      this.#switches.close();
    });
  }

  failure(): Trouble | undefined {
    const { failure: cause } = this.#line;
    if (cause === undefined) return undefined;
    return { kind: 'output', name: this.#config.name, cause, shared: sharedFault(cause) };
  }

  status(): OutputStatus {
    const { name, safe } = this.#config;
    const changed = this.#lastChange && { changed: this.#lastChange };
    return { name, topic: this.#parts.topic, safe, ...this.#line.latest, ...changed };
  }

  #changed(level: Level, what: string): void {
    this.#lastChange = { at: new Date(this.#parts.clock.wall()).toISOString(), what };
    this.#switches.changed(level, what);
  }

  /** The value for the next start. A state that only holds for a while is not kept. */
  #keep(value: boolean): void {
    this.#toRestore = undefined;
    this.#parts.last?.keep(value);
  }

  async #restore(): Promise<void> {
    const value = this.#toRestore;
    if (value === undefined || !this.#line.isOpen || this.#holds.size > 0) return;
    this.#toRestore = undefined;
    const { safe, longest } = this.#config;
    if (value === safe) return;
    this.#changed('info', `switched ${onOrOff(value)}, as before the restart`);
    await this.#line.drive(value);
    if (longest !== undefined) this.#driveAfter(longest, safe, 'it was so for too long');
  }

  async #driveFollowed(): Promise<void> {
    const value = this.#followed;
    if (value === undefined || this.#closed || !this.#line.isOpen) return;
    const isAllowed = value === this.#config.safe || this.#holds.size === 0;
    if (!isAllowed || this.#line.wanted === value) return;
    const { follows } = this.#config;
    this.#changed('info', `switched ${onOrOff(value)}, as it follows ${follows}`);
    await this.#line.drive(value);
  }

  async #goSafe(reason: string, level: Level = 'warn'): Promise<void> {
    const { safe } = this.#config;
    this.#pulse.abort();
    if (this.#line.wanted !== safe) this.#changed(level, `switched ${onOrOff(safe)}, ${reason}`);
    if (this.#line.isOpen) await this.#line.drive(safe);
  }

  async #carryOut(command: Command, { sender }: CommandContext): Promise<string | undefined> {
    const refusal = this.#refusal(command);
    if (refusal !== undefined) return refusal;
    const { safe, longest } = this.#config;
    const { value, forMs } = command;
    this.#pulse.abort();
    this.#pulse = new AbortController();
    const before = this.#line.wanted;
    const reason = await this.#line.drive(value);
    if (!this.#line.isOpen) return reason;
    if (value !== before || forMs !== undefined) this.#logCommand(command, sender);
    this.#keep(value);
    if (forMs !== undefined) this.#driveAfter(forMs, !value, 'its time is over', 'info');
    if (longest !== undefined && value !== safe) {
      this.#driveAfter(longest, safe, 'it was so for too long');
    }
    return reason;
  }

  #logCommand({ value, forMs }: Command, sender = 'the gateway'): void {
    const time = forMs === undefined ? '' : ` for ${forMs / 1000} s`;
    this.#changed('info', `switched ${onOrOff(value)}${time} by ${sender}`);
  }

  #refusal({ value, given, forMs }: Command): string | undefined {
    if (this.#closed) return 'the gateway stops';
    const { maxAge, safe, follows } = this.#config;
    if (follows !== undefined) return `it follows ${follows} and takes no commands`;
    const age = given === undefined ? 0 : this.#parts.clock.wall() - given;
    if (age > maxAge) {
      return `too late: given ${(age / 1000).toFixed(1)} s ago, at most ${maxAge / 1000} s`;
    }
    const [hold] = this.#holds;
    const endsUnsafe = forMs !== undefined && !value !== safe;
    return value !== safe || endsUnsafe ? hold : undefined;
  }

  /** Drives the line after a delay, unless another command or a safe state comes first. */
  #driveAfter(ms: number, value: boolean, reason: string, level: Level = 'warn'): void {
    const { signal } = this.#pulse;
    const due = async (): Promise<void> => {
      if (signal.aborted) return;
      this.#pulse.abort();
      this.#keep(value);
      if (value === this.#config.safe) await this.#goSafe(reason, level);
      else if (this.#holds.size === 0) {
        this.#changed('info', `switched ${onOrOff(value)}, ${reason}`);
        await this.#line.drive(value);
      }
    };
    this.#parts.clock.sleep(ms, signal).then(
      () => this.#inOrder(due),
      () => undefined,
    );
  }

  #publishResult(result: Result, answer: CommandContext['answer']): void {
    const { topic, publishResult } = this.#parts;
    const payload = Buffer.from(JSON.stringify(result));
    publishResult(`${topic}/result`, payload);
    answer?.(payload);
  }
}

function resultOf({ id }: Command | Refused, reason: string | undefined): Result {
  const named = id === undefined ? {} : { id };
  return reason === undefined ? { ...named, ok: true } : { ...named, ok: false, reason };
}
