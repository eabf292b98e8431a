import type { Io } from './io.ts';
import type { ReadParts } from './read.ts';
import type { RunParts } from './run.ts';

/** The parts that the verbs use; a parameter, so that a test can pass others. */
export type Parts = RunParts & ReadParts;

/** One call of a verb: its argument, or '' if it has none, and its options. */
export interface Call<Options> {
  readonly argument: string;
  /** Its second argument, or ''. */
  readonly second: string;
  readonly options: Options;
  readonly io: Io;
  readonly parts: Parts;
}

/** A verb of the command line, or an action of one, such as `list` of `queue`. */
export interface Verb {
  readonly name: string;
  /** Its description, for the help. */
  readonly summary: string;
  /** The argument as commander writes it, and its description. */
  readonly argument?: readonly [name: string, description: string];
  /** A second argument; only beside `argument`. */
  readonly second?: readonly [name: string, description: string];
  readonly options?: readonly (readonly [flags: string, description: string, value?: string])[];
  /** A verb has actions or runs itself. Its file is loaded only then. Resolves with the exit code. */
  readonly actions?: readonly Verb[];
  run?(call: Call<unknown>): Promise<number>;
}

/** A verb whose options commander has parsed as its `options` say. */
export function verb<Options>(
  one: Omit<Verb, 'run' | 'actions'> & { run(call: Call<Options>): Promise<number> },
): Verb {
  return { ...one, run: (call) => one.run(call as Call<Options>) };
}

/** The option of every verb with a config. */
export const CONFIG = [
  '-c, --config <file>',
  'the config file (YAML), else $CELLGATE_CONFIG, else /etc/cellgate/config.yaml',
] as const;
