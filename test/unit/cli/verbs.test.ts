import { appendFileSync, writeFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { afterEach, expect, test } from 'vitest';
import { REPOSITORY, startGateway } from '../../support/gateway.ts';
import { run } from '../../support/run.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test('status and queue tell what waits, purge forgets it', async () => {
  const gateway = await startGateway({
    config: {
      uplinks: [
        {
          name: 'plant',
          url: 'mqtt://127.0.0.1:9',
          routes: [{ out: 't/#', to: 'p/', retain: 'clear' }],
        },
      ],
    },
  });
  ends.push(() => gateway.dispose());
  const cellgate = (...words: string[]) =>
    run(process.execPath, [
      `${REPOSITORY}/dist/program/cli.js`,
      ...words,
      '--config',
      gateway.configFile,
    ]);
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`);
  ends.push(() => client.endAsync(true));
  const away = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port}`, {
    clientId: 'away',
    clean: false,
  });
  await away.subscribeAsync('t/a', { qos: 1 });
  await away.endAsync();
  for (const topic of ['t/a', 't/b', 't/c'])
    await client.publishAsync(topic, `of ${topic}`, { qos: 1 });

  const json = await cellgate('status', '--json');
  const status = JSON.parse(json.stdout);
  expect(json.code).toBe(1);
  expect(status.uplinks[0]).toMatchObject({ name: 'plant', state: 'down', queued: 3 });
  expect(status.troubles).toEqual([expect.stringContaining('nothing listens there')]);
  expect((await cellgate('status')).stdout).toMatch(/^uplink +plant down .*: 3 wait/m);

  const list = await cellgate('queue', 'list');
  expect(list.stdout).toMatch(/^away: 1 messages/m);
  expect(list.stdout).toMatch(/^uplink\/plant: 3 messages/m);
  const exported = await cellgate('queue', 'export', '--session', 'uplink/plant');
  expect(
    exported.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).payload),
  ).toEqual(['of t/a', 'of t/b', 'of t/c']);

  expect((await cellgate('queue', 'purge')).code).toBe(2);
  expect((await cellgate('queue', 'purge', '--session', 'uplink/plant')).code).toBe(1);
  const purged = await cellgate('queue', 'purge', '--yes', '--session', 'uplink/plant');
  expect(purged).toMatchObject({ code: 0, stdout: '3 messages deleted\n' });
  expect((await cellgate('queue', 'list')).stdout).toMatch(/^uplink\/plant: 0 messages/m);
  const ofClient = await cellgate('queue', 'purge', '--yes', '--session', 'away');
  expect(ofClient).toMatchObject({ code: 0, stdout: '1 messages deleted\n' });
  expect((await cellgate('queue', 'list')).stdout).toBe(
    'away: 0 messages, 0 bytes\nuplink/plant: 0 messages, 0 bytes\n',
  );
  await client.publishAsync('t/a', 'of later', { qos: 1 });

  await gateway.stop();
  expect((await cellgate('status')).code).toBe(3);
  const [kept] = (await cellgate('queue', 'export', '--session', 'away')).stdout.split('\n');
  expect(JSON.parse(kept!).payload).toBe('of later');
  const stopped = await cellgate('queue', 'purge', '--yes', '--session', 'away');
  expect(stopped).toMatchObject({ code: 0, stdout: '1 messages deleted\n' });
  expect((await cellgate('queue', 'list')).stdout).toMatch(/^uplink\/plant: 1 messages/m);
}, 180_000);

test('commands reach the running gateway while its config has mistakes, and say so', async () => {
  const gateway = await startGateway();
  ends.push(() => gateway.dispose());
  const cellgate = (...words: string[]) => {
    const program = `${REPOSITORY}/dist/program/cli.js`;
    return run(process.execPath, [program, ...words, '--config', gateway.configFile]);
  };
  appendFileSync(gateway.configFile, 'senosrs: []\n');
  const said =
    /did you mean sensors.* has mistakes; the gateway that runs on .* has an earlier config\n$/s;
  const json = await cellgate('status', '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({ cell: 'robotcell1' });
  expect(json.stderr).toMatch(said);
  const list = await cellgate('queue', 'list');
  expect(list.code).toBe(0);
  expect(list.stderr).toMatch(said);
  expect((await cellgate('set', 'lamp', 'on')).stderr).toMatch(/lamp: /);

  await gateway.stop();
  for (const words of [['status'], ['queue', 'list']]) {
    const stopped = await cellgate(...words);
    expect(stopped).toMatchObject({ code: 1, stdout: '' });
    expect(stopped.stderr).not.toMatch(/has mistakes/);
  }
  writeFileSync(gateway.configFile, 'a: [');
  expect((await cellgate('status')).code).toBe(1);
}, 180_000);
