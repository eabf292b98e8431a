import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { createLog, usesColour } from '../base/log.ts';
import { installation, version } from '../base/version.ts';
import type { ConfigOption } from './config-file.ts';
import { EXIT, type Io } from './io.ts';
import type { QueueOption } from './queue.ts';
import type { ReadOptions, ReadParts } from './read.ts';
import type { RunParts } from './run.ts';
import type { StatusOption } from './status.ts';
import type { TlsOption } from './tls.ts';

const EXAMPLES = `
Examples:
  cellgate check --config cell.yaml    says what is wrong with a config, one line each
  cellgate run --config cell.yaml      runs the gateway until SIGTERM or Ctrl-C
  cellgate probe                       says which chips, lines and buses this machine has
  cellgate read door/closed            reads one sensor and shows what goes over its wires
  cellgate schema > schema.json        JSON Schema, so that an editor completes and checks

The config is the file of --config, else of $CELLGATE_CONFIG, else /etc/cellgate/config.yaml.
Exit codes: 0 fine, 1 trouble, 2 wrong usage, 3 no gateway runs.`;

const QUEUE_ACTIONS = [
  ['list', 'one line for each session, uplink and list of refused messages'],
  ['export', 'prints the messages as JSON lines'],
  ['purge', 'deletes what waits in one queue'],
] as const;

const USER_ACTIONS = {
  add: 'gives a user a password, asked for or taken from standard input',
  remove: 'takes a user out',
  list: 'one line for each user',
} as const;

const TLS_ACTIONS = {
  init: "makes a small authority and the gateway's certificate",
  server: "makes the gateway's certificate anew",
  client: 'makes a certificate for a client',
} as const;

/** What the verbs work with; a parameter so that a test can give others. */
export type Parts = RunParts & ReadParts;

const CONFIG = ['-c, --config <file>', 'the config file (YAML)'] as const;

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
  settle(program, io);
  const verb = (name: string, summary: string): Command =>
    program.command(name).description(summary).allowExcessArguments(false);

  verb('run', 'runs the gateway')
    .option(...CONFIG)
    .action(async (options: ConfigOption) => {
      const { run } = await import('./run.ts');
      code = await run(options, io, parts);
    });
  verb('check', 'checks the config; touches no hardware')
    .option(...CONFIG)
    .action(async (options: ConfigOption) => {
      const { check } = await import('./check.ts');
      code = await check(options, io, parts.drivers);
    });
  verb('reload', 'has the running gateway go on by the config as it stands, wholly or not at all')
    .option(...CONFIG)
    .action(async (options: ConfigOption) => {
      const { reload } = await import('./reload.ts');
      code = await reload(options, io, parts.drivers);
    });
  verb('status', 'says how the running gateway is')
    .option(...CONFIG)
    .option('--json', 'as JSON')
    .action(async (options: StatusOption) => {
      const { status } = await import('./status.ts');
      code = await status(options, io, parts.drivers);
    });
  verb('watch', 'shows how the running gateway is, again and again')
    .option(...CONFIG)
    .action(async (options: ConfigOption) => {
      const { watch } = await import('./watch.ts');
      code = await watch(options, io, parts);
    });
  const queues = verb('queue', 'shows, exports or deletes what waits for whom');
  for (const [action, summary] of QUEUE_ACTIONS) {
    const one = queues.command(action).description(summary).allowExcessArguments(false);
    one.option(...CONFIG).option('--session <name>', 'only this one; uplink/NAME for a plant');
    if (action === 'purge') one.option('--yes', 'does not ask');
    one.action(async (options: QueueOption) => {
      const { queue } = await import('./queue.ts');
      code = await queue(action, options, io, parts.drivers);
    });
  }
  verb('backup', 'copies the database into a file, also while the gateway runs')
    .argument('<file>', 'a new file')
    .option(...CONFIG)
    .action(async (file: string, options: ConfigOption) => {
      const { backup } = await import('./backup.ts');
      code = await backup(file, options, io, parts.drivers);
    });
  verb('restore', 'puts a backup in the place of the database; the gateway must not run')
    .argument('<file>', 'a file of backup')
    .option(...CONFIG)
    .action(async (file: string, options: ConfigOption) => {
      const { restore } = await import('./backup.ts');
      code = await restore(file, options, io, parts.drivers);
    });
  const users = verb('user', 'adds, removes or lists the users of the LAN');
  for (const action of ['add', 'remove', 'list'] as const) {
    const one = users.command(action).description(USER_ACTIONS[action]).allowExcessArguments(false);
    if (action !== 'list') one.argument('<name>', 'the user name');
    one.option(...CONFIG).action(async (...words: unknown[]) => {
      const name = action === 'list' ? undefined : (words[0] as string);
      const options = words[action === 'list' ? 0 : 1] as ConfigOption;
      const { askForPassword, user } = await import('./user.ts');
      code = await user(action, name, options, io, askForPassword);
    });
  }
  const certificates = verb('tls', 'makes certificates, for a plant that has no authority');
  for (const action of ['init', 'server', 'client'] as const) {
    const one = certificates.command(action).description(TLS_ACTIONS[action]);
    one.allowExcessArguments(false);
    if (action === 'client') one.argument('<name>', 'its user in the access file');
    else one.option('--name <name...>', 'host names and addresses of the gateway');
    one.option('--dir <folder>', 'where they are; tls beside the config by default');
    // A cabinet stays closed for years, and who runs out of certificates stands still.
    one.option('--days <days>', 'how long it is valid', '3650').option(...CONFIG);
    one.action(async (...words: unknown[]) => {
      const [name, options] = action === 'client' ? words : [undefined, words[0]];
      const { tls } = await import('./tls.ts');
      code = await tls(action, name as string | undefined, options as TlsOption, io);
    });
  }
  verb('probe', 'shows what hardware is here').action(async () => {
    const { probe } = await import('./probe.ts');
    const { readBoards } = await import('../config/boards.ts');
    const buses = parts.openBuses(createLog('warn', io.stderr, io.env));
    const boards = await readBoards(join(installation, 'config/boards'));
    code = await probe({ buses, drivers: parts.drivers, boards }, io);
    await buses.close();
  });
  verb('doctor', 'looks at power, clock, card, certificates and rights, and says what to mend')
    .option(...CONFIG)
    .action(async (options: ConfigOption) => {
      const { doctor } = await import('./doctor.ts');
      const { askTimedatectl } = await import('../runtime/time-sync.ts');
      const { createKernelFiles } = await import('../buses/kernel-files.ts');
      const files = createKernelFiles();
      const { drivers } = parts;
      code = await doctor(options, io, { drivers, files, askTimedatectl });
    });
  verb('read', 'reads one sensor once, with every transfer')
    .argument('<sensor>', 'its name in the config, e.g. door/closed')
    .option(...CONFIG)
    .option('--record <file>', 'keeps the I2C transfers as a test fixture')
    .action(async (sensor: string, options: ReadOptions) => {
      const { read } = await import('./read.ts');
      code = await read(sensor, options, io, parts);
    });
  verb('schema', 'prints the JSON Schema of the config').action(async (options: object) => {
    const { schema } = await import('./schema.ts');
    code = await schema(options, io, parts.drivers);
  });

  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  return code;
}

/** Settings that commander copies to the verbs made after this call. */
function settle(program: Command, io: Io): void {
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
