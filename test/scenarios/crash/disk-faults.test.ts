import { randomBytes } from 'node:crypto';
import { openSync, readdirSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { REPOSITORY, startGateway, type TestGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { run } from '../../support/run.ts';
import { compiler } from '../../support/slow-sync.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { needs } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

/** Two ways in which a disk takes no writes, and back. */
const FAULTS = [
  {
    name: 'full',
    live: { begin: (disk: SmallDisk) => disk.fill(), end: (disk: SmallDisk) => disk.free() },
    needs: undefined,
    begin: (disk: SmallDisk) => disk.fill(),
    // Killed, it leaves a log whose end makes room.
    leave: (gateway: TestGateway) => gateway.stop(),
    end: (disk: SmallDisk) => disk.free(),
    trouble: /no space left for .*: free some; QoS 1 and 2 messages are not acknowledged/,
  },
  {
    name: 'read-only',
    // The kernel refuses to remount what a process writes to; a disk that fails becomes so all the same.
    live: {
      begin: (disk: SmallDisk) => disk.pretendReadOnly(),
      end: (disk: SmallDisk) => disk.pretendWritable(),
    },
    needs: compiler,
    begin: (disk: SmallDisk) => disk.readOnly(),
    leave: (gateway: TestGateway) => gateway.kill(),
    end: (disk: SmallDisk) => disk.writable(),
    trouble: /is read-only: remount it writable; QoS 1 and 2 messages are not acknowledged/,
  },
] as const;

const SENSOR = { name: 'gripper', driver: 'simulated', signal: 'gripper', every: '200ms' };

async function open(gateway: TestGateway, clientId?: string): Promise<RawClient> {
  const client = await RawClient.open('tcp', gateway.port);
  return client.connect(clientId ? { clientId, clean: false } : {});
}

/** How often the log tells of trouble. */
function told(gateway: TestGateway, trouble: RegExp): number {
  return gateway.stdout().match(new RegExp(trouble, 'g'))?.length ?? 0;
}

/** A QoS 0 round trip, and a reading from the gateway's own sensor. */
async function expectReadings(gateway: TestGateway): Promise<void> {
  const client = await open(gateway);
  await client.subscribe(['robotcell1/gripper/#', 0], ['ping', 0]);
  await client.publish('ping', 'x');
  const seen = new Set<string>();
  while (!seen.has('live') || !seen.has('ping')) {
    const { topic, retain } = await client.next('publish');
    if (topic === 'ping') seen.add('ping');
    else if (!retain) seen.add('live');
  }
  await client.disconnect();
}

describe('a disk that takes no writes', () => {
  beforeEach((context) => {
    context.skip(!mayMount, 'needs the right to mount a file system (root)');
  });

  describe.each(FAULTS)(
    'because it is $name',
    ({ live, needs: tool, begin, end, leave, trouble }) => {
      async function prepare(): Promise<{ disk: SmallDisk; gateway: TestGateway }> {
        const disk = mountSmallDisk(12);
        const data = join(disk.folder, 'data');
        const gateway = await startGateway({ config: { data }, sensors: [SENSOR], env: disk.env });
        onTestFinished(async () => {
          await gateway.dispose();
          disk.dispose();
        });
        const absent = await open(gateway, 'absent');
        await absent.subscribe(['stored/#', 2]);
        await absent.disconnect();
        return { disk, gateway };
      }

      test('stops acknowledgements, not readings, and goes on by itself', async (context) => {
        if (tool) needs(tool)(context);
        const { disk, gateway } = await prepare();
        const publisher = await open(gateway, 'publisher');
        await publisher.publish('stored/1', 'before', { qos: 1 });
        live.begin(disk);
        // What the log has room for without growing may still be taken.
        const body = Buffer.alloc(20_000, 0x2e);
        for (let id = 1; id <= 180; id++) {
          publisher.send(packets.publish('stored/1', `${id} ${body}`, { qos: 1, id }));
        }
        publisher.send(packets.publish('stored/2', 'exactly once', { qos: 2, id: 181 }));
        await until('the trouble is told', () => told(gateway, trouble) > 0);
        await publisher.quiet().catch(() => undefined);
        const early = publisher.inbox.filter(({ type }) => type === 'puback').length;
        await expectReadings(gateway);
        await expectReadings(gateway);
        expect(publisher.inbox.filter(({ type }) => type === 'puback').length).toBe(early);
        expect(publisher.inbox.some(({ type }) => type === 'pubrec')).toBe(false);
        expect(early).toBeLessThan(180);
        expect(told(gateway, trouble)).toBe(1);

        live.end(disk);
        await until('everything is acknowledged', () => {
          return publisher.inbox.some(({ type }) => type === 'pubrec');
        });
        expect(gateway.stdout()).toMatch(/the disk takes commits again/);
        expect(told(gateway, trouble)).toBe(1);
        await gateway.kill();
        await gateway.restart();
        const absent = await open(gateway, 'absent');
        const received = await absent.flow(182);
        const numbers = received.map(({ payload }) => payload.split(' ')[0]);
        expect(numbers.slice(0, 181)).toEqual([
          'before',
          ...Array.from({ length: 180 }, (_, n) => String(n + 1)),
        ]);
        expect(received[181]?.payload).toBe('exactly once');
      });

      test('is no reason not to start: what is stored is there, acknowledgements wait', async () => {
        const { disk, gateway } = await prepare();
        const publisher = await open(gateway);
        await publisher.publish('stored/1', 'one', { qos: 1 });
        await publisher.publish('kept', 'value', { qos: 1, retain: true });
        await leave(gateway);
        begin(disk);
        await gateway.restart();
        await expectReadings(gateway);
        const client = await open(gateway, 'absent');
        expect(client.connack.sessionPresent).toBe(true);
        await client.disconnect();
        const reader = await open(gateway);
        await reader.subscribe(['kept', 0]);
        expect((await reader.next('publish')).payload).toBe('value');
        // The data folder takes no control socket.
        const status = await run(process.execPath, [
          join(REPOSITORY, 'dist/program/cli.js'),
          'status',
          '--config',
          gateway.configFile,
        ]);
        expect(status.stdout).toMatch(/^robotcell1, cellgate/);
        const later = await open(gateway);
        later.send(packets.publish('stored/1', 'two', { qos: 1, id: 1 }));
        await later.quiet();
        await until('the trouble is told', () => told(gateway, trouble) > 0);
        expect(told(gateway, trouble)).toBe(1);

        end(disk);
        expect((await later.take('puback')).id).toBe(1);
        await gateway.kill();
        await gateway.restart();
        const absent = await open(gateway, 'absent');
        const payloads = (await absent.messages(2)).map(({ payload }) => payload);
        expect(payloads).toEqual(['one', 'two']);
      });

      test('is no reason not to start for the first time', async () => {
        const disk = mountSmallDisk(12);
        begin(disk);
        const gateway = await startGateway({ config: { data: disk.folder }, sensors: [SENSOR] });
        onTestFinished(async () => {
          await gateway.dispose();
          disk.dispose();
        });
        await expectReadings(gateway);
        const client = await open(gateway, 'client');
        client.send(packets.subscribe(1, [['a', 1]]));
        await client.quiet();
        await until('the trouble is told', () => told(gateway, trouble) > 0);
        expect(told(gateway, trouble)).toBe(1);
        end(disk);
        await client.take('suback');
      });
    },
  );
});

test('the database takes half of its file system, no more, and goes on once there is room in it', async (context) => {
  context.skip(!mayMount, 'needs the right to mount a file system (root)');
  const disk = mountSmallDisk(128);
  const gateway = await startGateway({ config: { data: join(disk.folder, 'data') } });
  onTestFinished(async () => {
    await gateway.dispose();
    disk.dispose();
  });
  const absent = await open(gateway, 'absent');
  await absent.subscribe(['stored', 1]);
  await absent.disconnect();
  const publisher = await open(gateway, 'publisher');
  // Nothing in it that could be made smaller, nor when it comes again.
  const body = randomBytes(30_000).toString('base64');
  const count = 2000;
  for (let id = 1; id <= count; id++) {
    publisher.send(packets.publish('stored', `${id} ${body}`, { qos: 1, id }));
  }
  await until('its share is told', () => told(gateway, /has taken its share/) > 0, 30_000);
  const { bavail, blocks } = statfsSync(disk.folder);
  expect(bavail / blocks).toBeGreaterThan(0.1);
  expect(told(gateway, /no space left/)).toBe(0);
  const acknowledged = publisher.inbox.filter(({ type }) => type === 'puback').length;
  expect(acknowledged).toBeGreaterThan(0);
  expect(acknowledged).toBeLessThan(count);

  const reader = await open(gateway, 'absent');
  const received = await reader.flow(count);
  expect(received.map(({ payload }) => Number.parseInt(payload, 10))).toEqual(
    Array.from({ length: count }, (_, n) => n + 1),
  );
  await until('all is acknowledged', () => {
    return publisher.inbox.filter(({ type }) => type === 'puback').length === count;
  });
  expect(gateway.stdout()).toMatch(/the disk takes commits again/);
});

test('damage met at work ends the gateway with a sentence; the next start recovers', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.dispose());
  const absent = await open(gateway, 'absent');
  await absent.subscribe(['a', 1]);
  await absent.disconnect();
  const publisher = await open(gateway);
  const count = 200;
  for (let n = 1; n <= count; n++) {
    await publisher.publish('a', String(n).padEnd(500), { qos: 1 });
  }
  await publisher.disconnect();
  await gateway.stop();
  await gateway.restart();

  // Below the feet of the running gateway: a few pages of the queue turn to garbage.
  const file = join(gateway.dataDir, 'cellgate.db');
  const handle = openSync(file, 'r+');
  const middle = Math.floor(statSync(file).size / 2 / 4096) * 4096;
  writeSync(handle, Buffer.alloc(2 * 4096, 0x5a), 0, 2 * 4096, middle);
  const reader = await open(gateway, 'absent');
  for (;;) {
    const packet = await reader.next().catch(() => undefined);
    if (!packet) break;
    if (packet.type === 'publish') reader.send(packets.puback(packet.id));
  }
  await until('the damage is told', () =>
    /is damaged .* next start recovers/.test(gateway.stdout()),
  );
  expect(await gateway.stop()).toBe(70);

  await gateway.restart();
  expect(gateway.stdout()).toMatch(/was damaged and is set aside: what could be read is recovered/);
  expect(readdirSync(gateway.dataDir).some((name) => name.includes('.damaged-'))).toBe(true);
  const again = await open(gateway, 'absent');
  expect(again.connack.sessionPresent).toBe(true);
  const last = await open(gateway);
  await last.publish('a', 'end', { qos: 1 });
  const rest = await again.messagesBefore('end');
  expect(rest.length).toBeGreaterThan(100);
});
