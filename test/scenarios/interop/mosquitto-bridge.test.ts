import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import { type Mosquitto, runMosquitto } from '../../support/mosquitto.ts';
import { RawClient } from '../../support/raw-client.ts';
import { freePort } from '../../support/server-process.ts';
import { needs, tools } from '../../support/tools.ts';
import { waitFor } from '../../support/wait-for.ts';

beforeEach(needs(tools.mosquitto));

interface Pair {
  readonly gateway: TestGateway;
  readonly mosquitto: Mosquitto;
  /** A client of one of the two that has subscribed to everything. */
  watch(side: 'gateway' | 'mosquitto'): Promise<RawClient>;
}

/** A gateway with an access file, and a Mosquitto that is its bridge with default notifications. */
async function start(version: string): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-bridge-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const access = join(folder, 'access.yaml');
  const [bridge, watcher] = [await hashPassword('secret'), await hashPassword('secret')];
  const users = [
    `  - { name: bridge, password: ${bridge} }`,
    `  - { name: watcher, password: ${watcher} }`,
  ];
  writeFileSync(access, ['users:', ...users, ''].join('\n'), { mode: 0o600 });
  const gateway = await startGateway({ access });
  onTestFinished(() => gateway.dispose());
  const port = await freePort();
  const mosquitto = await runMosquitto([port], () => [
    'allow_anonymous true',
    `listener ${port} 127.0.0.1`,
    'connection gateway',
    `address 127.0.0.1:${gateway.port}`,
    `bridge_protocol_version ${version}`,
    'remote_username bridge',
    'remote_password secret',
    'restart_timeout 1',
    'topic # both 1 both/ both/',
    'topic # out 2 out/ out/',
    'topic # in 2 in/ in/',
  ]);
  onTestFinished(() => mosquitto.dispose());
  return {
    gateway,
    mosquitto,
    async watch(side) {
      const client = await RawClient.open('tcp', side === 'gateway' ? gateway.port : port);
      onTestFinished(() => client.destroy());
      await client.connect(side === 'gateway' ? { username: 'watcher', password: 'secret' } : {});
      await client.subscribe(['both/#', 2], ['out/#', 2], ['in/#', 2]);
      return client;
    },
  };
}

test.each(['mqttv50', 'mqttv311', 'mqttv31'])(
  'a Mosquitto bridge of %s with default notifications works in both directions, and brings nothing back',
  async (version) => {
    const { gateway, mosquitto, watch } = await start(version);
    const [here, there] = [await watch('gateway'), await watch('mosquitto')];
    // The bridge is there once something passes.
    await waitFor(
      async () => {
        await there.publish('out/ready', '1', { qos: 1 });
        expect(here.inbox.length).toBeGreaterThan(0);
      },
      { timeout: 30_000, interval: 200 },
    );
    await there.publish('out/ready', 'end', { qos: 1 });
    await here.messagesBefore('end');
    await there.messagesBefore('end');

    await there.publish('out/a', 'out', { qos: 2 });
    expect(await here.message()).toMatchObject({ topic: 'out/a', payload: 'out', qos: 2 });
    await here.publish('in/a', 'in', { qos: 2 });
    expect(await there.messagesBefore('in')).toMatchObject([{ payload: 'out' }]);
    expect((await here.message()).payload).toBe('in');
    await there.publish('both/a', 'from there', { qos: 1, retain: true });
    expect((await here.message()).payload).toBe('from there');
    await here.publish('both/b', 'from here', { qos: 1, retain: true });
    // Both saw their own message and the other's once each.
    expect((await there.message()).payload).toBe('from there');
    expect((await there.message()).payload).toBe('from here');
    expect((await here.message()).payload).toBe('from here');
    await here.publish('both/end', 'end', { qos: 1 });
    expect((await there.message()).payload).toBe('end');
    await there.publish('both/end', 'end there', { qos: 1 });
    expect(await there.messagesBefore('end there')).toEqual([]);
    expect((await here.message()).payload).toBe('end');
    expect((await here.message()).payload).toBe('end there');

    // A retained message is retained on the other side too.
    const late = await watch('mosquitto');
    expect(await late.message()).toMatchObject({ retain: true });
    expect(await late.message()).toMatchObject({ retain: true });

    const log = `${gateway.stdout()}${gateway.stderr()}`.split('\n');
    expect(log.filter((line) => line.includes('reserved-topic'))).toHaveLength(1);
    // What is lost is the probe of this test that waits for the port.
    const closed = log.filter((line) => line.includes('connection closed'));
    expect(closed.filter((line) => !line.includes('connection lost'))).toEqual([]);
    expect(mosquitto.stderr()).not.toMatch(/refused|not authori/i);
  },
  30_000,
);
