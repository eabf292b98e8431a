import { Command, CommanderError } from 'commander';
import { usesColour } from '../base/log.ts';
import { version } from '../base/version.ts';
import { EXIT, type Io } from './io.ts';
import type { Parts, Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

const EXAMPLES = `
Examples:
  cellgate check --config cell.yaml    reports the errors of a config, one line each
  cellgate run --config cell.yaml      runs the gateway until SIGTERM or Ctrl-C
  cellgate probe                       lists the chips, lines and buses of this machine
  cellgate read door/closed            reads one sensor and shows every transfer
  cellgate schema > schema.json        JSON Schema, so that an editor completes and checks

The config is the file of --config, else of $CELLGATE_CONFIG, else /etc/cellgate/config.yaml.
Exit codes: 0 fine, 1 trouble, 2 wrong usage, 3 no gateway runs.`;

/** Runs one command line (without node and script) and resolves with its exit code; never throws for wrong usage. */
export async function runCommandLine(
  words: readonly string[],
  io: Io,
  parts: Parts,
): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command('cellgate')
    .description('The edge gateway of a robot cell: sensors in, MQTT out, nothing lost in between.')
    .version(version, '-V, --version', 'prints the version')
    .helpOption('-h, --help', 'shows this help')
    .addHelpText('after', EXAMPLES);
  configure(program, io);
  for (const verb of VERBS) {
    addVerb(program, verb, async (run, words, options) => {
      const [argument = '', second = ''] = words;
      code = await run({ argument, second, options, io, parts });
    });
  }
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    // What the system refuses is no defect of the program: a stack would hide the sentence.
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    io.stderr.write(`cellgate: ${error.message}\n`);
    return EXIT.trouble;
  }
  return code;
}

type OnCall = (
  run: NonNullable<Verb['run']>,
  words: readonly string[],
  options: unknown,
) => Promise<void>;

/** Adds a verb and its actions. */
function addVerb(parent: Command, verb: Verb, onCall: OnCall): void {
  const { name, summary, argument, second, options = [], actions = [], run } = verb;
  const command = parent.command(name).description(summary).allowExcessArguments(false);
  for (const action of actions) addVerb(command, action, onCall);
  if (!run) return;
  if (argument) command.argument(...argument);
  if (second) command.argument(...second);
  for (const [flags, description, value] of options) command.option(flags, description, value);
  command.action((...values: unknown[]) => {
    // Commander hands over the arguments that the verb has, and then the options.
    const count = [argument, second].filter(Boolean).length;
    return onCall(run, values.slice(0, count) as string[], values[count]);
  });
}

/** Settings that commander copies to the verbs added after this call. */
function configure(program: Command, io: Io): void {
  program
    .exitOverride()
    .showHelpAfterError('Try "cellgate --help".')
    .helpCommand('help [verb]', 'shows the help of a verb')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHasColors: () => usesColour(io.stdout, io.env),
      getErrHasColors: () => usesColour(io.stderr, io.env),
      outputError: (text, write) =>
        write(`cellgate: ${text.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`),
    });
}
