import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { collect, startPlant, type TestPlant } from '../../support/plant.ts';
import { run } from '../../support/run.ts';
import { statusWhen } from '../../support/statuses.ts';
import { needs, tools } from '../../support/tools.ts';

beforeEach(needs(tools.mosquitto, tools.mosquittoPub));

const page = readFileSync(join(REPOSITORY, 'docs/outputs.md'), 'utf8');
const blocks = [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
);

let plant: TestPlant;
let gateway: TestGateway;
/** The config that the page shows, with the plant of this test. */
beforeAll(async () => {
  if (!tools.mosquitto.path) return;
  plant = await startPlant();
  const shown: { uplinks?: object[] } = Object.assign(
    {},
    ...blocks.filter(({ language }) => language === 'yaml').map(({ text }) => parse(text)),
  );
  const uplinks = shown.uplinks?.map((one) => ({ ...one, url: `mqtt://127.0.0.1:${plant.port}` }));
  const config = { ...shown, uplinks, gpio: { backend: 'simulated' } };
  gateway = await startGateway({ config });
  await statusWhen(gateway.port, ({ state }) => state === 'connected');
});
afterAll(async () => {
  await gateway?.dispose();
  await plant?.dispose();
});

test('the plant switches the lamp of docs/outputs.md by the topic that the page shows, and gets the result and the state', async () => {
  const atPlant = await collect(plant.port, 'plant/line4/robotcell1/stacklight/red/#');
  const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
  try {
    const topic = /plant publishes on `([^`]+)`/.exec(page)?.[1] ?? '';
    await office.publishAsync(topic, '{"value":true,"id":"p1"}', { qos: 1 });
    await atPlant.until((all) =>
      all.some(({ topic: at, payload }) => at.endsWith('/result') && payload.includes('"p1"')),
    );
    const results = atPlant.arrivals.filter(({ topic: at }) => at.endsWith('/result'));
    expect(results.map(({ payload }) => payload)).toEqual(['{"id":"p1","ok":true}']);
    await atPlant.until((all) =>
      all.some(({ topic: at, payload }) => at.endsWith('/red') && payload.includes('"value":true')),
    );
  } finally {
    await office.endAsync(true);
    await atPlant.close();
  }
});

test('the plant is answered when the output does not exist', async () => {
  const atPlant = await collect(plant.port, 'plant/line4/robotcell1/stacklight/gren/result');
  const office = await mqtt.connectAsync(`mqtt://127.0.0.1:${plant.port}`);
  try {
    const topic = 'plant/line4/robotcell1/stacklight/gren/set';
    await office.publishAsync(topic, '{"value":true,"id":"p2"}', { qos: 1 });
    await atPlant.until((all) => all.length === 1);
    expect(atPlant.arrivals[0]?.payload).toContain(
      '{"id":"p2","ok":false,"reason":"there is no output stacklight/gren',
    );
  } finally {
    await office.endAsync(true);
    await atPlant.close();
  }
});

test('the command line switches it as the page says', async () => {
  const text = blocks.find(({ text: one }) => one.includes('cellgate set'))?.text ?? '';
  const cli = `"${process.execPath}" "${join(REPOSITORY, 'dist/program/cli.js')}"`;
  const input = text.replaceAll(/^cellgate (.*)$/gm, `${cli} $1 -c "${gateway.configFile}"`);
  const finished = await run('sh', ['-e'], { input });
  expect(finished).toEqual({
    code: 0,
    stdout: 'stacklight/red: on\nstacklight/red: {"value":true,"for":"2s"}\n',
    stderr: '',
  });
  const wrong = `${cli} set stacklight/rde on -c "${gateway.configFile}"`;
  expect(await run('sh', [], { input: wrong })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('did you mean stacklight/red?'),
  });
});

const snippets = blocks.flatMap(({ language, text }, index) =>
  blocks[index + 1]?.language === 'output'
    ? [{ language, text, output: blocks[index + 1]?.text }]
    : [],
);

describe.each(snippets)('docs/outputs.md, $language', ({ language, text, output }) => {
  beforeEach(needs(...(language === 'python' ? [tools.paho] : [])));

  test('prints what the page says', async () => {
    const env = { ...process.env, MQTT_PORT: `${gateway.port}` };
    const python = tools.paho.path ?? '';
    const finished =
      language === 'python'
        ? await run(python, ['-'], { input: text, env })
        : await run('sh', ['-e'], { input: text, env });
    expect(finished).toEqual({ code: 0, stdout: output, stderr: '' });
  });
});
