import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { until } from '../../support/until.ts';
import { type Machine, put } from './machine.ts';

/** A payload as a reading has it. */
export interface Reading {
  readonly value: number | boolean | null;
  readonly unit: string;
  readonly quality: string;
  readonly reason?: string;
  readonly time: string;
  readonly boot: number;
  readonly seq: number;
}

export interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly retained: boolean;
}

/** The gateway in the machine, watched from this host with Mosquitto's client. */
export interface Gateway {
  /** Where its config is, in the machine. */
  readonly config: string;
  /** Everything that came since it was started, in order. */
  readonly messages: readonly Message[];
  /** The latest reading of a topic below the cell. */
  reading(topic: string): Reading | undefined;
  /** Resolves with the reading of a topic once it is as wanted; only those after the call count. */
  next(topic: string, wanted?: (reading: Reading) => boolean, ms?: number): Promise<Reading>;
  /** Publishes below the cell. */
  publish(topic: string, payload: string): Promise<void>;
  log(): Promise<string>;
  /** Sends a signal, `TERM` unless said otherwise, and resolves when the process is gone, at once when it is already. */
  end(signal?: 'TERM' | 'KILL'): Promise<void>;
  /** Sends a signal. */
  signal(signal: string): Promise<void>;
  /** Starts it again, with the same config and data, perhaps through a program that gets the command. */
  start(through?: string): Promise<void>;
}

/** An emulated machine on a busy host; whoever waits, waits for a condition. */
const PATIENCE_MS = 240_000;
const LOG = '/tmp/gateway.log';
const CONFIG = '/tmp/gateway.yaml';

/**
 * Starts the gateway with sensors, outputs and so on in YAML; the rest of the config is as it must be to be reached.
 * `broker` has more keys of the broker, such as `access: FILE`.
 */
export async function startGateway(
  machine: Machine,
  yaml: string,
  broker: readonly string[] = [],
): Promise<Gateway> {
  const { shell, port } = machine;
  const listeners = 'listeners: [ { host: 0.0.0.0, port: 1883, anonymous: true } ]';
  const head = [
    'cell: cell',
    'data: /tmp/data',
    `broker: { ${[listeners, ...broker].join(', ')} }`,
  ];
  await shell('rm -rf /tmp/data; mkdir -p /tmp/data');
  await put(machine, CONFIG, [...head, yaml, ''].join('\n'));
  const messages: Message[] = [];
  let watcher: ChildProcess | undefined;
  let pid = '';

  const watch = (): ChildProcess => {
    const args = ['-p', `${port}`, '-t', 'cell/#', '-F', '%r %t %p', '-k', '60'];
    const child = spawn('mosquitto_sub', ['-h', '127.0.0.1', ...args], { stdio: 'pipe' });
    createInterface(child.stdout).on('line', (line) => {
      const [, retained, topic = '', payload = ''] = /^(\d) (\S+) (.*)$/.exec(line) ?? [];
      messages.push({ topic: topic.replace(/^cell\//, ''), payload, retained: retained === '1' });
    });
    return child;
  };
  const running = () => shell(`kill -0 ${pid} 2>/dev/null && echo yes || echo no`);
  const readingOf = ({ payload }: Message): Reading => JSON.parse(payload) as Reading;

  const gateway: Gateway = {
    config: CONFIG,
    messages,
    reading(topic) {
      const last = messages.findLast((message) => message.topic === topic);
      return last && readingOf(last);
    },
    async next(topic, wanted = () => true, ms = PATIENCE_MS) {
      let seen = messages.length;
      let found: Reading | undefined;
      const come = (): boolean => {
        for (; seen < messages.length && !found; seen += 1) {
          const message = messages[seen];
          if (message?.topic === topic && wanted(readingOf(message))) found = readingOf(message);
        }
        return found !== undefined;
      };
      await until(`${topic} is as wanted`, come, ms).catch((error: Error) => {
        const last = messages.filter((message) => message.topic === topic).slice(-3);
        const said = last.map(({ payload }) => payload).join(' ');
        throw new Error(`${error.message}; it said ${said}`, { cause: error });
      });
      return found as Reading;
    },
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const args = ['-p', `${port}`, '-t', `cell/${topic}`, '-m', payload, '-q', '1'];
        spawn('mosquitto_pub', ['-h', '127.0.0.1', ...args]).once('exit', (code) => {
          if (code === 0) resolve();
          else reject(new Error(`mosquitto_pub ended with ${code}`));
        });
      }),
    log: () => shell(`cat ${LOG}`),
    async signal(signal) {
      await shell(`kill -${signal} ${pid}`);
    },
    async end(signal = 'TERM') {
      await shell(`kill -${signal} ${pid} 2>/dev/null || true`);
      await until('the gateway has ended', async () => (await running()) === 'no', PATIENCE_MS);
      watcher?.kill('SIGKILL');
    },
    async start(through = '') {
      await shell(`: > ${LOG}`);
      const command = `${through} node dist/program/cli.js run --config ${CONFIG}`;
      pid = await shell(`${command} >> ${LOG} 2>&1 & echo $!`);
      const up = async (): Promise<boolean> => {
        if ((await running()) === 'no') throw new Error(`no gateway: ${await gateway.log()}`);
        return (await shell(`grep -c 'is up' ${LOG} || true`)) !== '0';
      };
      await until('the gateway is up', up, PATIENCE_MS).catch(async (error: Error) => {
        throw new Error(`${error.message}: ${await gateway.log()}`, { cause: error });
      });
      watcher?.kill('SIGKILL');
      watcher = watch();
    },
  };
  await gateway.start();
  return gateway;
}
