import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { didYouMean } from '../config/yaml/suggestion.ts';
import { parseCommand, type ReceivedCommand } from './command.ts';
import type { Result } from './recent-results.ts';

export interface UnknownOutputsParts {
  readonly cell: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  /** Publishes the result of a command, not retained. */
  publishResult(topic: string, payload: Uint8Array): void;
  /** Passes every message that the filter matches to the receiver until the returned function is called. */
  subscribe(filter: string, receive: (message: ReceivedCommand) => void): () => void;
  /** Whether a client or a part of the gateway has subscribed to the topic by its name; without it, nothing is answered. */
  isNamed?(topic: string): boolean;
  /** The outputs of this moment. */
  names(): readonly string[];
}

/** Levels of names that are watched. */
const LEVELS = 8;
/** Commands that are answered in a second, from all clients together. */
const MOST_ANSWERS = 20;
/** Topics that have a line in the log. */
const MOST_LINES = 100;
const LONGEST_NAME = 128;

/**
 * Answers the commands on `<cell>/<name>/set` that no output, counter, alarm or client receives: the result says so, and
 * the log once for each topic. Ends when the signal is aborted.
 */
export function answerUnknownOutputs(parts: UnknownOutputsParts, signal: AbortSignal): void {
  const { cell, subscribe, publishResult, clock, log, isNamed, names } = parts;
  if (!isNamed) return;
  const logged = new Set<string>();
  let second = 0;
  let answers = 0;

  const mayAnswer = (): boolean => {
    const now = Math.floor(clock.monotonic() / 1000);
    if (now !== second) [second, answers] = [now, 0];
    answers++;
    return answers <= MOST_ANSWERS;
  };

  const receive = ({ topic = '', payload, isDeletion, answer }: ReceivedCommand): void => {
    const name = topic.slice(cell.length + 1, -'/set'.length);
    if (isDeletion || name.length > LONGEST_NAME || !mayAnswer() || isNamed(topic)) return;
    const reason = reasonFor(name, names());
    if (logged.size < MOST_LINES && !logged.has(topic)) {
      logged.add(topic);
      log.warn({ topic }, `a command on ${topic}: ${reason}`);
    }
    const { id } = parseCommand(payload);
    const result: Result = { ...(id === undefined ? {} : { id }), ok: false, reason };
    const bytes = Buffer.from(JSON.stringify(result));
    publishResult(`${cell}/${name}/result`, bytes);
    answer?.(bytes);
  };

  const ends = Array.from({ length: LEVELS }, (_, levels) =>
    subscribe(`${cell}${'/+'.repeat(levels + 1)}/set`, receive),
  );
  const end = (): void => {
    for (const one of ends) one();
  };
  signal.addEventListener('abort', end, { once: true });
}

/** Why nothing happens at a command to this name. */
function reasonFor(name: string, outputs: readonly string[]): string {
  const [first, ...rest] = name.split('/');
  if (first === 'alarm' && rest.length > 0) return `there is no alarm ${rest.join('/')}`;
  if (outputs.includes(name)) return `the output ${name} is being changed by a reload, try again`;
  return `there is no output ${name}${didYouMean(name, outputs)}`;
}
