import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { blocksOf, readPage, rowsOf } from '../../support/doc-page.ts';
import { runMosquitto } from '../../support/mosquitto.ts';
import { type Finished, run } from '../../support/run.ts';
import {
  PASSWORD,
  type SecuredGateway,
  startSecuredGateway,
} from '../../support/secured-gateway.ts';
import { freePort } from '../../support/server-process.ts';
import { needs, type Tool, tools } from '../../support/tools.ts';

const page = readPage('clients.md');
const blocks = blocksOf(page);
/** Blocks that no program runs: the settings of another program, which other tests use, and those of the page's list. */
const NOT_RUN: Readonly<Record<string, RegExp>> = {
  yaml: /A browser/,
  conf: /Mosquitto as a bridge/,
  bash: /`bash` blocks/,
  go: /^Go/,
  java: /^Java/,
};

/** The development files of Debian; CELLGATE_C_ROOT is another place of them. */
const C_ROOT = process.env.CELLGATE_C_ROOT ?? '/';
const library = (header: string, name: string): Tool => ({
  path: existsSync(join(C_ROOT, 'usr/include', header)) ? '/usr/bin/cc' : undefined,
  package: name,
});

interface Runner {
  readonly needs: readonly Tool[];
  run(text: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Finished>;
}

/** Compiles and runs it. */
function compiled(compiler: string, suffix: string, flags: readonly string[]): Runner['run'] {
  return async (text, env, cwd) => {
    const lib = join(C_ROOT, 'usr/lib/x86_64-linux-gnu');
    const own = C_ROOT === '/' ? [] : [`-I${join(C_ROOT, 'usr/include')}`, `-L${lib}`];
    const program = join(cwd, `press-${suffix}-${flags[0]}`);
    const words = ['-x', suffix, '-', '-o', program, ...own, '-L/usr/lib/x86_64-linux-gnu'];
    const { status, stderr } = spawnSync(compiler, [...words, ...flags], { input: text });
    if (status !== 0) throw new Error(`${stderr}`);
    return run(program, [], { env: { ...env, LD_LIBRARY_PATH: lib }, cwd });
  };
}

const node = (text: string, env: NodeJS.ProcessEnv, cwd: string): Promise<Finished> =>
  run(process.execPath, ['--input-type=module', '-'], { input: text, env, cwd });

const runners: Record<string, Runner> = {
  python: {
    needs: [tools.paho],
    run: (text, env, cwd) => run(tools.paho.path ?? '', ['-'], { input: text, env, cwd }),
  },
  /** With Paho 2. */
  py: {
    needs: [tools.paho2],
    run: (text, env, cwd) => run(tools.paho2.path ?? '', ['-'], { input: text, env, cwd }),
  },
  js: { needs: [], run: node },
  /** Its script, with the package of npm in place of the address, and an end. */
  html: {
    needs: [],
    run: (text, env, cwd) => {
      const [, script = ''] = /<script type="module">([\s\S]*)<\/script>/.exec(text) ?? [];
      const program = script
        .replace(/'https:[^']*mqtt\.esm\.js'/, "'mqtt'")
        .replace('192.168.1.20:9443', `${env.GATEWAY}:${env.MQTT_WS_PORT}`);
      const before = `globalThis.prompt = () => ${JSON.stringify(PASSWORD)};
        const { log } = console;
        console.log = (...words) => { log(...words); setImmediate(() => client.end()); };`;
      const trusting = { ...env, NODE_EXTRA_CA_CERTS: join(cwd, 'ca.crt') };
      return node(`${before}\n${program}`, trusting, cwd);
    },
  },
  sh: {
    needs: [tools.mosquittoPub, tools.mosquittoSub],
    run: (text, env, cwd) => run('sh', ['-e'], { input: text, env, cwd }),
  },
};
const c: readonly (readonly [string, Runner])[] = [
  [
    'mosquitto.h',
    {
      needs: [library('mosquitto.h', 'libmosquitto-dev')],
      run: compiled('cc', 'c', ['-l:libmosquitto.so.1']),
    },
  ],
  [
    'MQTTClient.h',
    {
      needs: [library('MQTTClient.h', 'libpaho-mqtt-dev')],
      run: compiled('cc', 'c', ['-lpaho-mqtt3cs']),
    },
  ],
  [
    'mqtt/client.h',
    {
      needs: [library('mqtt/client.h', 'libpaho-mqttpp-dev')],
      run: compiled('c++', 'c++', ['-lpaho-mqttpp3', '-lpaho-mqtt3as']),
    },
  ],
];

function runnerOf({ language, text }: { language: string; text: string }): Runner | undefined {
  return runners[language] ?? c.find(([header]) => text.includes(`#include <${header}>`))?.[1];
}

let secured: SecuredGateway;
beforeAll(async () => {
  secured = await startSecuredGateway();
});
afterAll(async () => {
  await secured?.dispose();
});

test('every example of docs/clients.md is run, or is in its list of those that are not', () => {
  const listed = rowsOf(page, '| example | reason |').map(([name = '']) => name);
  for (const block of blocks) {
    const { language, heading, output } = block;
    const isRun = runnerOf(block) !== undefined;
    expect([heading, language, isRun]).toEqual([heading, language, !(language in NOT_RUN)]);
    if (isRun) expect(output, heading).toBeDefined();
    else if (language === 'yaml' || language === 'conf')
      expect(heading).toMatch(NOT_RUN[language]!);
    else expect(listed.some((name) => NOT_RUN[language]!.test(name))).toBe(true);
  }
});

test('every example has a user, a password and TLS', () => {
  for (const { language, text, heading } of blocks) {
    if (language === 'bash' || language === 'yaml') continue;
    const hasTls = /ca\.crt|\bwss:|gateway-ca\.crt|GetTLS|"ssl:/.test(text) || heading === 'curl';
    expect([heading, /hmi/.test(text), /password/i.test(text), hasTls]).toEqual([
      heading,
      true,
      true,
      true,
    ]);
  }
});

const examples = blocks.filter((block) => runnerOf(block)).map((block, n) => ({ ...block, n }));
describe.each(examples)('docs/clients.md, $n $heading ($language)', (block) => {
  const runner = runnerOf(block);
  beforeEach(needs(...(runner?.needs ?? [])));

  test('prints what the page says', async () => {
    const { ports, folder } = secured;
    const env = {
      GATEWAY: '127.0.0.1',
      MQTT_PORT: `${ports.tls}`,
      MQTT_WS_PORT: `${ports.wss}`,
      MQTT_PLAIN_PORT: `${ports.plain}`,
      MQTT_PASSWORD: PASSWORD,
    };
    const finished = await runner?.run(block.text, env, folder);
    expect(finished).toEqual({ code: 0, stdout: block.output, stderr: '' });
  });
});

describe('Mosquitto as a bridge', () => {
  beforeEach(needs(tools.mosquitto));

  test('with the lines of the page brings the topics in both directions', async () => {
    const { ports, folder } = secured;
    const lines = (blocks.find(({ language }) => language === 'conf')?.text ?? '')
      .replace('192.168.1.20:8883', `127.0.0.1:${ports.tls}`)
      .replace('/etc/mosquitto/certs/gateway-ca.crt', join(folder, 'ca.crt'))
      .replace('remote_password …', `remote_password ${PASSWORD}`);
    const port = await freePort();
    const mosquitto = await runMosquitto([port], () => [
      'allow_anonymous true',
      `listener ${port} 127.0.0.1`,
      ...lines.trim().split('\n'),
    ]);
    const there = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`);
    const login = { username: 'hmi', password: PASSWORD };
    const here = await mqtt.connectAsync(`mqtt://127.0.0.1:${ports.plain}`, login);
    try {
      const seen = { here: new Set<string>(), there: new Set<string>() };
      here.on('message', (topic, payload) => seen.here.add(`${topic} ${payload}`));
      there.on('message', (topic, payload) => seen.there.add(`${topic} ${payload}`));
      await here.subscribeAsync('orders/#', { qos: 1 });
      await there.subscribeAsync('robotcell1/#', { qos: 1 });
      // The bridge is there once something passes.
      await expect
        .poll(async () => {
          await there.publishAsync('orders/1', 'ten', { qos: 1 });
          await here.publishAsync('robotcell1/parts', '5', { qos: 1 });
          return [seen.here.has('orders/1 ten'), seen.there.has('robotcell1/parts 5')];
        })
        .toEqual([true, true]);
    } finally {
      await Promise.all([here.endAsync(true), there.endAsync(true)]);
      await mosquitto.dispose();
    }
  });
});
