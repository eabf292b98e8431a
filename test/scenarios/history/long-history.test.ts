import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';
import { until } from '../../support/until.ts';

const TOPIC = 'robotcell1/gripper/force';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    http: {},
    sensors: [
      {
        name: 'gripper',
        driver: 'simulated',
        signal: 'gripper',
        channels: ['force'],
        every: '100ms',
        history: { keep: '90d' },
      },
      { name: 'door', driver: 'simulated', signal: 'door' },
    ],
  });
});
afterAll(() => gateway?.dispose());

async function ask(query: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/history?${query}`);
  return { status: response.status, text: await response.text() };
}

function exported(...options: string[]) {
  const cli = join(REPOSITORY, 'dist/program/cli.js');
  return run(process.execPath, [cli, 'export', '--config', gateway.configFile, ...options]);
}

interface Answer {
  readonly [topic: string]: { readonly everyMs: number; readonly points: readonly unknown[] };
}

test('the seconds of a sensor can be asked for while they come, as JSON and as CSV', async () => {
  const topics = `topic=${TOPIC}&topic=robotcell1/door`;
  let answer: Answer = {};
  await until('there are three seconds', async () => {
    answer = JSON.parse((await ask(`${topics}&every=1s`)).text);
    return (answer[TOPIC]?.points.length ?? 0) >= 3;
  });
  expect(answer[TOPIC]).toMatchObject({
    everyMs: 1000,
    points: expect.arrayContaining([
      {
        time: expect.stringMatching(/Z$/),
        quality: 'good',
        low: expect.any(Number),
        high: expect.any(Number),
        mean: expect.any(Number),
      },
    ]),
  });
  // It has no `keep`: its hour is in memory.
  const { points } = answer['robotcell1/door']!;
  expect(points).toContainEqual(expect.objectContaining({ quality: 'good' }));

  const { text } = await ask(`topic=${TOPIC}&format=csv`);
  expect(text).toMatch(
    /^topic,time,quality,low,high,mean\nrobotcell1\/gripper\/force,\d{4}-.*Z,good,/,
  );
});

test.each(['day', 'week', 'month', 'quarter'])(
  'a chart of the last %s has its last point',
  async (span) => {
    await until('there is a value', async () => {
      const { text } = await ask(`topic=${TOPIC}&topic=robotcell1/door&span=${span}`);
      const charts = JSON.parse(text) as Record<string, { last: (number | null)[]; end: number }>;
      expect(Object.keys(charts)).toEqual([TOPIC]);
      const { last, end } = charts[TOPIC]!;
      expect(last).toHaveLength(360);
      expect(end).toBeGreaterThan(Date.now());
      return last.at(-1) !== null;
    });
  },
);

test.each([
  ['every=3', 'every is a duration'],
  ['every=10ms', 'every is a duration'],
  ['from=yesterday', 'from is a time'],
  ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from is a time before to'],
  ['to=x', 'to is a time'],
  ['points=0', 'points is a number'],
  ['points=1e9', 'points is a number'],
  ['format=xml', 'format is json or csv'],
  ['from=2000-01-01T00:00:00Z&every=1s', 'more than 20000 points'],
])('a request with %s is answered with what is wrong', async (query, sentence) => {
  const { status, text } = await ask(`topic=${TOPIC}&${query}`);
  expect(status).toBe(400);
  expect(text).toContain(sentence);
});

test('the history is exported after a stop, and goes on after the next start', async () => {
  await gateway.stop();
  const { code, stdout } = await exported('--every', '1s');
  expect(code).toBe(0);
  const before = stdout.trim().split('\n');
  expect(before.length).toBeGreaterThan(3);
  expect(before[1]).toMatch(new RegExp(`^${TOPIC},`));

  await gateway.restart();
  await until('there are seconds of both starts', async () => {
    const { points } = (JSON.parse((await ask(`topic=${TOPIC}&every=1s`)).text) as Answer)[TOPIC]!;
    return points.length > before.length;
  });
  const lines = await exported('--every', '1s', '--format', 'json', '--topic', TOPIC);
  expect(JSON.parse(lines.stdout.split('\n')[0]!)).toMatchObject({ topic: TOPIC, quality: 'good' });

  expect(await exported('--topic', 'robotcell1/none')).toMatchObject({
    code: 1,
    stderr: `cellgate: there is no history of robotcell1/none; there is one of ${TOPIC}\n`,
  });
  expect(await exported('--every', 'often')).toMatchObject({ code: 2 });
  expect(await exported('--from', 'then')).toMatchObject({ code: 2 });
});
