import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import type { Sequence } from '../base/sequence.ts';
import type { TroubleLog } from '../base/trouble-log.ts';
import { sharedFault } from '../buses/bus-error.ts';
import type { GpioOutput, GpioOutputOptions } from '../buses/gpio-line.ts';
import type { OutputConfig } from '../config/schema/outputs.ts';
import { encodeReading, type Quality } from '../driver-kit/reading.ts';

export interface DrivenLineParts {
  /** Receives its readings. */
  readonly topic: string;
  /** The number of this start of the gateway; known when lines are opened. */
  boot(): number;
  readonly sequence: Sequence;
  readonly clock: Clock;
  readonly log: Logger;
  readonly troubleLog?: TroubleLog | undefined;
  /** Opens the line; rejects with a sentence. */
  open(options: GpioOutputOptions): Promise<GpioOutput>;
  publishReading(topic: string, payload: Uint8Array, form: Pick<OutputConfig, 'payload'>): void;
  /** Called when the line has failed and was closed; it has its safe value when it is opened again. */
  onLost(): void;
}

/** The last value that was read back from the line. */
export interface ReadBack {
  readonly value: boolean | null;
  readonly quality: Quality;
  readonly reason?: string;
}

/** The line of one output: opened safe, driven, read back. Publishes its value when that has changed. Never rejects. */
export class DrivenLine {
  readonly #config: OutputConfig;
  readonly #parts: DrivenLineParts;
  #line: GpioOutput | undefined;
  #wanted: boolean;
  #failure: string | undefined = 'not taken yet';
  #latest: ReadBack = { value: null, quality: 'bad', reason: 'not taken yet' };
  #published: string | undefined;

  constructor(config: OutputConfig, parts: DrivenLineParts) {
    this.#config = config;
    this.#parts = parts;
    this.#wanted = config.safe;
  }

  get isOpen(): boolean {
    return this.#line !== undefined;
  }

  /** The last written value; the safe value while the line is not open. */
  get wanted(): boolean {
    return this.#wanted;
  }

  get latest(): ReadBack {
    return this.#latest;
  }

  /** Why the line may not have the written value; undefined while it has it. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Reads the line back, opening it if it is not open. */
  async check(): Promise<void> {
    const { activeLow, drive, safe } = this.#config;
    try {
      if (this.#line === undefined) {
        this.#wanted = safe;
        this.#line = await this.#parts.open({ activeLow, drive, initial: safe });
      }
      await this.#verify(this.#line);
    } catch (error) {
      await this.#lose(error);
    }
  }

  /** Writes the value and reads it back; returns the reason if the line does not have this value. */
  async drive(value: boolean): Promise<string | undefined> {
    if (this.#line === undefined) return this.#failure ?? 'the line is not taken';
    try {
      this.#wanted = value;
      await this.#line.write(value);
      return await this.#verify(this.#line);
    } catch (error) {
      return await this.#lose(error);
    }
  }

  /** Releases the line without changing it. */
  async close(): Promise<void> {
    await this.#line?.close().catch(() => undefined);
    this.#line = undefined;
  }

  async #verify(line: GpioOutput): Promise<string | undefined> {
    const value = await line.read();
    if (value === this.#wanted) {
      this.#publish({ value, quality: 'good' });
      return undefined;
    }
    const reason = `the line is ${onOrOff(value)} although ${onOrOff(this.#wanted)} was written`;
    this.#publish({ value, quality: 'uncertain', reason });
    return reason;
  }

  async #lose(error: unknown): Promise<string> {
    const { onLost } = this.#parts;
    const reason = error instanceof Error ? error.message : String(error);
    if (reason !== this.#failure) this.#logFailure(reason, error);
    const line = this.#line;
    this.#line = undefined;
    this.#wanted = this.#config.safe;
    onLost();
    await line?.close().catch(() => undefined);
    this.#publish({ value: null, quality: 'bad', reason });
    return reason;
  }

  #logFailure(cause: string, error: unknown): void {
    const { log, troubleLog } = this.#parts;
    const { name } = this.#config;
    const sentence = `output ${name}: ${cause}`;
    if (!troubleLog) log.warn({ err: error }, sentence);
    else {
      const shared = sharedFault(cause);
      troubleLog.began({ kind: 'output', name, cause, shared, log, sentence, error });
    }
  }

  #publish(latest: ReadBack): void {
    this.#failure = latest.reason;
    this.#latest = latest;
    const content = JSON.stringify(latest);
    if (content === this.#published) return;
    this.#published = content;
    const { topic, boot, sequence, clock, publishReading } = this.#parts;
    const { name: sensor, payload } = this.#config;
    const reading = { sensor, unit: '', ...latest, time: clock.wall() };
    const seq = sequence.next(topic);
    publishReading(topic, encodeReading(reading, { payload, boot: boot(), seq }), { payload });
  }
}

/** A value as text for messages. */
export function onOrOff(value: boolean): string {
  return value ? 'on' : 'off';
}
