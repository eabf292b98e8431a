import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

test('four uplinks down and twelve sensors of a missing bus are one line a cause, everywhere', async () => {
  const [one, two] = [await freePort(), await freePort()];
  const uplinks = ['a', 'b', 'c', 'd'].map((name, index) => ({
    ...{ name, url: `mqtt://127.0.0.1:${index < 2 ? one : two}`, clientId: name },
    routes: [{ out: `${name}/#`, to: 'plant/' }],
  }));
  const behind = Array.from({ length: 8 }, (_, index) => ({
    ...{ name: `s${index}`, driver: 'tmp102', address: 0x48 + (index % 4) },
    bus: `i2c-77/0x70/${Math.floor(index / 4)}`,
  }));
  const direct = [0x76, 0x77, 0x44, 0x45].map((address) => ({
    ...{ name: `d${address}`, bus: 'i2c-77', address },
    driver: address < 0x70 ? 'sht3x' : 'bme280',
  }));
  const sensors = [...direct, ...behind];
  const gateway = await startGateway({ sensors, config: { uplinks }, http: {} });
  onTestFinished(() => gateway.dispose());
  const readyz = async (): Promise<string[]> => {
    const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
    return ((await answer.json()) as { troubles: string[] }).troubles;
  };
  const counted = [/^12 sensors: i2c-77 does not exist/, /^4 uplinks: 127\.0\.0\.1 refuses/];
  const isCounted = (all: string[]): boolean =>
    counted.every((one) => all.filter((sentence) => one.test(sentence)).length === 1);
  await until('each cause is one trouble', async () => isCounted(await readyz()));
  const others = (await readyz()).filter((one) => !counted.some((cause) => cause.test(one)));
  expect(others.join('\n')).not.toMatch(/i2c-77|uplink|127\.0\.0\.1/);
  const client = await RawClient.open('tcp', gateway.port);
  await client.connect();
  await client.subscribe(['$SYS/cellgate/troubles', 0], ['$SYS/cellgate/uplink/+', 0]);
  // The single ones stay where they are listed.
  const listed = new Set<string>();
  let troubles: string[] = [];
  while (listed.size < 4 || !isCounted(troubles)) {
    const { topic, payload } = await client.next('publish');
    if (topic.endsWith('/troubles')) troubles = JSON.parse(payload);
    else if (payload.includes('refuses the connection')) listed.add(topic);
  }

  await until('the log has them', () =>
    /4 uplinks[\s\S]*12 sensors|12 sensors[\s\S]*4 uplinks/.test(gateway.stdout()),
  );
  const logged = gateway
    .stdout()
    .split('\n')
    .filter((line) => /i2c-77 does not exist|refuses the connection/.test(line));
  const parsed = logged.map((line) => JSON.parse(line));
  expect(parsed.sort((a, b) => a.msg.localeCompare(b.msg))).toMatchObject([
    {
      msg: expect.stringMatching(counted[0]!),
      names: expect.arrayContaining(sensors.map(({ name }) => name)),
    },
    { msg: expect.stringMatching(counted[1]!), names: ['a', 'b', 'c', 'd'] },
  ]);
});
