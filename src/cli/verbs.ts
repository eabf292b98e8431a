import { join } from 'node:path';
import { createLog } from '../base/log.ts';
import { installation } from '../base/version.ts';
import type { AlarmAction, AlarmOptions } from './alarm.ts';
import type { CheckOption } from './check.ts';
import type { ConfigOption } from './config-file.ts';
import type { ExportOptions } from './export.ts';
import type { QueueAction, QueueOption } from './queue.ts';
import type { ReadOptions } from './read.ts';
import type { RunOptions } from './run.ts';
import type { StatusOption } from './status.ts';
import type { SupportOptions } from './support.ts';
import type { TlsAction, TlsOption } from './tls.ts';
import { CONFIG, type Verb, verb } from './verb.ts';

/** A certificate should last for the years in which the cabinet stays closed. */
const CERTIFICATE_DAYS = '3650';

const queueAction = (name: QueueAction, summary: string): Verb =>
  verb<QueueOption>({
    name,
    summary,
    options: [
      CONFIG,
      [
        '--session <name>',
        'only this session; uplink/NAME for an uplink, refused/NAME for what its plant has refused',
      ],
      ...(name === 'purge' ? ([['--yes', 'deletes without asking']] as const) : []),
    ],
    async run({ options, io, parts }) {
      const { queue } = await import('./queue.ts');
      return queue(name, options, io, parts.drivers);
    },
  });

const alarmAction = (name: AlarmAction, summary: string): Verb =>
  verb<AlarmOptions>({
    name,
    summary,
    ...(name === 'list' ? {} : { argument: ['<alarm>', 'SENSOR/NAME, e.g. boiler/hot'] as const }),
    options: [
      CONFIG,
      ...(name === 'list'
        ? ([
            ['--all', 'also normal alarms'],
            ['--json', 'as JSON'],
          ] as const)
        : []),
      ...(name === 'shelve' ? ([['--for <time>', 'such as 30m, from 1s to 7d']] as const) : []),
    ],
    async run({ argument, options, io, parts }) {
      const { alarm } = await import('./alarm.ts');
      return alarm(name, argument, options, io, parts.drivers);
    },
  });

const userAction = (name: 'add' | 'remove' | 'list', summary: string): Verb =>
  verb<ConfigOption>({
    name,
    summary,
    ...(name === 'list' ? {} : { argument: ['<name>', 'the user name'] as const }),
    options: [CONFIG],
    async run({ argument, options, io }) {
      const { askForPassword, user } = await import('./user.ts');
      return user(name, argument, options, io, askForPassword);
    },
  });

const tlsAction = (name: TlsAction, summary: string): Verb =>
  verb<TlsOption>({
    name,
    summary,
    ...(name === 'client' ? { argument: ['<name>', 'its user in the access file'] as const } : {}),
    options: [
      ...(name === 'client'
        ? []
        : ([['--name <name...>', 'host names and addresses of the gateway']] as const)),
      ['--dir <folder>', 'the folder of the certificates; by default tls beside the config'],
      ['--days <days>', 'for how many days it is valid', CERTIFICATE_DAYS],
      CONFIG,
    ],
    async run({ argument, options, io }) {
      const { tls } = await import('./tls.ts');
      return tls(name, argument, options, io);
    },
  });

/** All verbs, in the order of the help. */
export const VERBS: readonly Verb[] = [
  verb<RunOptions>({
    name: 'run',
    summary: 'runs the gateway',
    options: [CONFIG, ['--simulate', 'with models in place of the hardware']],
    async run({ options, io, parts }) {
      const { run } = await import('./run.ts');
      return run(options, io, parts);
    },
  }),
  verb<ConfigOption>({
    name: 'setup',
    summary:
      'asks for cell, address, page, plant and first user on a terminal, then writes config, access file and certificates; overwrites nothing',
    options: [CONFIG],
    async run({ options, io, parts }) {
      const { setup } = await import('./setup.ts');
      const { terminalQuestions } = await import('./questions.ts');
      return setup(options, io, parts.drivers, terminalQuestions());
    },
  }),
  verb<CheckOption>({
    name: 'check',
    summary: 'checks the config without touching hardware',
    options: [
      CONFIG,
      ['--data', 'also whether this version can use the data folder; a gateway may run on it'],
    ],
    async run({ options, io, parts }) {
      const { check } = await import('./check.ts');
      return check(options, io, parts.drivers);
    },
  }),
  verb<ConfigOption>({
    name: 'reload',
    summary: 'changes the running gateway to its config file, completely or not at all',
    options: [CONFIG],
    async run({ options, io, parts }) {
      const { reload } = await import('./reload.ts');
      return reload(options, io, parts.drivers);
    },
  }),
  verb<StatusOption>({
    name: 'status',
    summary: 'shows the state of the running gateway',
    options: [CONFIG, ['--json', 'as JSON']],
    async run({ options, io, parts }) {
      const { status } = await import('./status.ts');
      return status(options, io, parts.drivers);
    },
  }),
  verb<ConfigOption>({
    name: 'watch',
    summary: 'shows the state of the running gateway, updated every second',
    options: [CONFIG],
    async run({ options, io, parts }) {
      const { watch } = await import('./watch.ts');
      return watch(options, io, parts);
    },
  }),
  verb<ConfigOption>({
    name: 'set',
    summary: 'switches an output, or sets a counter, a position or a sum of the running gateway',
    argument: ['<name>', 'its name below the cell, e.g. lamp or meter/total'],
    second: ['<value>', 'on, off or a number'],
    options: [CONFIG],
    async run({ argument, second, options, io, parts }) {
      const { set } = await import('./set.ts');
      return set(argument, second, options, io, parts.drivers);
    },
  }),
  verb<ConfigOption>({
    name: 'simulate',
    summary: 'makes a model of a simulated gateway fail, be well again or have a value',
    argument: ['<name>', 'a sensor, a channel, an output, a line of an interlock, or power'],
    second: ['<what>', 'fail, ok, a number, on or off'],
    options: [CONFIG],
    async run({ argument, second, options, io, parts }) {
      const { simulate } = await import('./simulate.ts');
      return simulate(argument, second, options, io, parts.drivers);
    },
  }),
  {
    name: 'alarm',
    summary: 'lists, acknowledges or shelves the alarms of the running gateway',
    actions: [
      alarmAction('list', 'one line for each alarm that is not normal; all with --all'),
      alarmAction('ack', 'acknowledges an alarm'),
      alarmAction('shelve', 'shelves an alarm for a time'),
      alarmAction('unshelve', 'ends the shelving of an alarm'),
    ],
  },
  verb<ConfigOption>({
    name: 'acknowledge',
    summary: 'ends the trouble about what a damaged database has cost',
    options: [CONFIG],
    async run({ options, io, parts }) {
      const { acknowledge } = await import('./acknowledge.ts');
      return acknowledge(options, io, parts.drivers);
    },
  }),
  {
    name: 'queue',
    summary: 'lists, exports or deletes queued messages',
    actions: [
      queueAction('list', 'one line for each session, each uplink and its refused messages'),
      queueAction('export', 'prints the messages as JSON lines'),
      queueAction('purge', 'deletes the messages of one queue'),
    ],
  },
  verb<ExportOptions>({
    name: 'export',
    summary: 'writes the histories that are kept for days, also while the gateway runs',
    options: [
      CONFIG,
      ['--topic <topic...>', 'only these topics, e.g. robotcell1/temperature'],
      ['--from <time>', 'such as 2026-11-29T08:00:00Z; by default all that there is'],
      ['--to <time>', 'by default this moment'],
      ['--every <duration>', 'the time of one point: 1s, 1m, 1h or several of them', '1m'],
      ['--format <format>', 'csv or json (one object a line)', 'csv'],
    ],
    async run({ options, io, parts }) {
      const { exportHistory } = await import('./export.ts');
      return exportHistory(options, io, parts.drivers);
    },
  }),
  verb<ConfigOption>({
    name: 'backup',
    summary: 'copies the database into a file, also while the gateway runs',
    argument: ['<file>', 'a new file'],
    options: [CONFIG],
    async run({ argument, options, io, parts }) {
      const { backup } = await import('./backup.ts');
      return backup(argument, options, io, parts.drivers);
    },
  }),
  verb<ConfigOption>({
    name: 'restore',
    summary: 'replaces the database with a backup; the gateway must not run',
    argument: ['<file>', 'a file that backup has made'],
    options: [CONFIG],
    async run({ argument, options, io, parts }) {
      const { restore } = await import('./backup.ts');
      return restore(argument, options, io, parts.drivers);
    },
  }),
  {
    name: 'user',
    summary: 'adds, removes or lists the users of the access file',
    actions: [
      userAction(
        'add',
        'sets the password of a user, from the terminal or standard input, for logins with it and with SCRAM-SHA-256',
      ),
      userAction('remove', 'removes a user'),
      userAction('list', 'one line for each user'),
    ],
  },
  {
    name: 'tls',
    summary: 'makes certificates, for a plant without a certificate authority',
    actions: [
      tlsAction('init', "makes a small certificate authority and the gateway's certificate"),
      tlsAction('server', "renews the gateway's certificate"),
      tlsAction('client', 'makes a certificate for a client'),
    ],
  },
  verb<object>({
    name: 'probe',
    summary: 'shows the hardware of this machine',
    async run({ io, parts }) {
      const { probe } = await import('./probe.ts');
      const { readBoards } = await import('../config/boards.ts');
      const boards = await readBoards(join(installation, 'config/boards'));
      const buses = parts.openBuses(createLog('warn', io.stderr, io.env));
      try {
        return await probe({ buses, drivers: parts.drivers, boards }, io);
      } finally {
        await buses.close();
      }
    },
  }),
  verb<ConfigOption>({
    name: 'doctor',
    summary: 'checks power, clock, disk, certificates and devices, and says what to correct',
    options: [CONFIG],
    async run({ options, io, parts }) {
      const { doctor } = await import('./doctor.ts');
      const { askTimedatectl } = await import('../runtime/time-sync.ts');
      const { createKernelFiles } = await import('../buses/kernel-files.ts');
      const files = createKernelFiles();
      return doctor(options, io, { drivers: parts.drivers, files, askTimedatectl });
    },
  }),
  verb<SupportOptions>({
    name: 'support',
    summary: 'writes a file to send to those who help: state, log and config without secrets',
    argument: ['<file>', 'a new file, such as cellgate-support.tar.gz'],
    options: [CONFIG],
    async run({ argument, options, io, parts }) {
      const { support } = await import('./support.ts');
      return support(argument, options, io, parts);
    },
  }),
  verb<ReadOptions>({
    name: 'read',
    summary: 'reads one sensor once and shows every transfer',
    argument: ['<sensor>', 'its name in the config, e.g. door/closed'],
    options: [CONFIG, ['--record <file>', 'writes the I2C transfers as a test fixture']],
    async run({ argument, options, io, parts }) {
      const { read } = await import('./read.ts');
      return read(argument, options, io, parts);
    },
  }),
  verb<object>({
    name: 'schema',
    summary: 'prints the JSON Schema of the config',
    async run({ io, parts }) {
      const { schema } = await import('./schema.ts');
      return schema(io, parts.drivers);
    },
  }),
];
