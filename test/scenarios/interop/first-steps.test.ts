import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { setup } from '../../../src/cli/setup.ts';
import { drivers } from '../../../src/driver-table.ts';
import { blocksOf, readPage } from '../../support/doc-page.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { REPOSITORY } from '../../support/gateway.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { run } from '../../support/run.ts';
import { freePort, type ServerProcess, startServer } from '../../support/server-process.ts';
import { needs, tools } from '../../support/tools.ts';

/** Does what docs/first-steps says, page after page, on one gateway without hardware. */
beforeEach(needs(tools.mosquitto, tools.mosquittoSub));

const CLI = join(REPOSITORY, 'dist/program/cli.js');
const PAGES = readdirSync(join(REPOSITORY, 'docs/first-steps')).sort();
const NEW_PASSWORD = 'a good password';
/** Lines of `bash` blocks: they need the package and systemd, which test/scenarios/package has. */
const NOT_RUN = /^sudo (?:apt install|cellgate setup|cellgate status|systemctl restart)/;
/** The first page has the package's own config; each later page adds to it. */
type Part = Record<string, { readonly name: string }[]>;

let folder: string;
let file: string;
let plant: TestPlant;
let gateway: ServerProcess;
let tlsPort: number;

/** The config that `cellgate setup` writes, on free ports and with models. */
beforeAll(async () => {
  if (!tools.mosquitto.path) return;
  folder = mkdtempSync(join(tmpdir(), 'cellgate-first-steps-'));
  file = join(folder, 'config.yaml');
  const answers: Record<string, string> = {
    'Name of the cell': 'robotcell1',
    'Address of this machine': '192.168.1.20',
    'Page on the network': 'yes',
    'Broker of the plant': 'none',
    'First user': 'operator',
  };
  const ask = async (question: string): Promise<string> =>
    Object.entries(answers).find(([begin]) => question.startsWith(begin))?.[1] ?? NEW_PASSWORD;
  const questions = { isTerminal: true, ask, askSecret: ask, close: () => undefined };
  expect(await setup({ config: file }, fakeIo({}, folder), drivers, questions)).toBe(0);
  const names = ['tls', 'server', '--name', '127.0.0.1', '-c', file];
  await run(process.execPath, [CLI, ...names], { cwd: folder });
  const [port, httpPort] = [await freePort(), await freePort()];
  tlsPort = await freePort();
  const config = parseDocument(readFileSync(file, 'utf8'));
  config.setIn(['data'], './data');
  config.setIn(['simulate'], true);
  config.setIn(['broker', 'listeners', 0, 'port'], port);
  config.setIn(['broker', 'listeners', 1, 'port'], tlsPort);
  config.setIn(['http', 'port'], httpPort);
  writeFileSync(file, `${config}`);
  plant = await startPlant();
  const args = [CLI, 'run', '-c', file];
  const ports = [port, tlsPort, httpPort];
  gateway = await startServer({ command: process.execPath, args, cwd: folder, ports, folder });
});
afterAll(async () => {
  await gateway?.dispose();
  await plant?.dispose();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Adds what a page shows; an element with the name of another one replaces it. */
function addToConfig(text: string): void {
  const config = parseDocument(readFileSync(file, 'utf8'));
  const shown = text.replace('plant.example:1883', `127.0.0.1:${plant.port}`);
  for (const [key, added] of Object.entries(parse(shown) as Part)) {
    const present = (config.toJS() as Part)[key] ?? [];
    const others = present.filter(({ name }) => !added.some((one) => one.name === name));
    config.set(key, config.createNode([...others, ...added]));
  }
  writeFileSync(file, `${config}`);
}

test('each page has at most 600 words and leads to the next one', () => {
  expect(PAGES.length).toBe(8);
  PAGES.forEach((name, index) => {
    const page = readPage(`first-steps/${name}`);
    expect(page.split(/\s+/).length, name).toBeLessThanOrEqual(600);
    const next = PAGES[index + 1];
    if (next) expect(page).toContain(`](${next})`);
  });
});

describe.each(PAGES)('docs/first-steps/%s', (name) => {
  const blocks = blocksOf(readPage(`first-steps/${name}`));

  test('its commands do what it says', async () => {
    const cellgate = `cellgate() { "${process.execPath}" "${CLI}" "$@" -c "${file}"; }`;
    const env = { GATEWAY: '127.0.0.1', MQTT_PORT: `${tlsPort}`, NEW_PASSWORD };
    for (const { language, text, output } of blocks) {
      if (language === 'yaml') addToConfig(text);
      if (language === 'bash') {
        for (const line of text.trim().split('\n')) expect(line).toMatch(NOT_RUN);
      }
      if (language !== 'sh') continue;
      for (const line of text.trim().split('\n')) {
        // A new user is known within a second.
        if (line.startsWith('mosquitto_sub')) {
          await expect.poll(() => gateway.stdout()).toContain('other access rules are in force');
        }
        const finished = await run('sh', [], { input: `${cellgate}\n${line}`, env, cwd: folder });
        // The status of a simulated gateway has the trouble that it is simulated.
        const codes = line === 'cellgate status' ? [0, 1] : [0];
        expect(codes, `${line}: ${finished.stdout}${finished.stderr}`).toContain(finished.code);
        if (output) expect(finished.stdout).toBe(output);
      }
    }
  });
});

test('in the end the plant has the readings and the alarm, and switches the lamp', async () => {
  const seen = await collect(plant.port, 'plant/line4/robotcell1/#');
  try {
    const has = (end: string): boolean => seen.arrivals.some(({ topic }) => topic.endsWith(end));
    await seen.until(() => has('robotcell1/boiler'));
    const lamp = 'plant/line4/robotcell1/lamp';
    await seen.client.publishAsync(`${lamp}/set`, '{"value":false,"id":"p1"}', { qos: 1 });
    await seen.until((all) => all.some(({ payload }) => payload === '{"id":"p1","ok":true}'));
    const words = [CLI, 'simulate', 'boiler', '75', '-c', file];
    const raised = await run(process.execPath, words, { cwd: folder });
    expect(raised.code, raised.stderr).toBe(0);
    await seen.until((all) => all.some(({ payload }) => payload.includes('"state":"active"')));
  } finally {
    await seen.close();
  }
});
