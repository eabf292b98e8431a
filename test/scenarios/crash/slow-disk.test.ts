import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { RawClient } from '../../support/raw-client.ts';
import { compiler, compileSlowSync } from '../../support/slow-sync.ts';
import { needs } from '../../support/tools.ts';
import { until } from '../../support/until.ts';

beforeEach(needs(compiler));

interface Disk {
  readonly gateway: TestGateway;
  /** From here on: milliseconds of each fsync, or `fail`. */
  sync(order: string): void;
  /** The disk is as it was. */
  mend(): void;
}

async function start(syncMs = 0): Promise<Disk> {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-sync-'));
  const controlFile = join(folder, 'order');
  const gateway = await startGateway({ env: compileSlowSync().env({ syncMs, controlFile }) });
  onTestFinished(async () => {
    await gateway.dispose();
    rmSync(folder, { recursive: true });
  });
  return {
    gateway,
    sync: (order) => writeFileSync(controlFile, order),
    mend: () => rmSync(controlFile),
  };
}

async function persistent(gateway: TestGateway, clientId: string): Promise<RawClient> {
  const client = await RawClient.open('tcp', gateway.port);
  return client.connect({ clientId, clean: false });
}

/** Longer than a test takes to drop a connection, open another and kill the gateway. */
const SLOW = '1000';

/** A client whose message keeps the disk busy, so that what is asked for next can't be written yet. */
async function occupy({ gateway, sync }: Disk): Promise<void> {
  const client = await persistent(gateway, 'occupier');
  await client.subscribe(['occupier', 1]);
  sync(SLOW);
  client.send(packets.subscribe(2, [['occupier/more', 1]]));
  await client.quiet();
}

describe('an acknowledgement that was on its way when the connection was lost', () => {
  test('PUBREL to a subscriber that reconnects waits until it is on disk', async () => {
    const disk = await start();
    const { gateway } = disk;
    const subscriber = await persistent(gateway, 'subscriber');
    await subscriber.subscribe(['a', 2]);
    const publisher = await persistent(gateway, 'publisher');
    publisher.send(packets.publish('a', 'once', { qos: 2, id: 1 }));
    const { id } = await subscriber.take('publish');
    await publisher.take('pubrec');
    await occupy(disk);
    subscriber.send(packets.pubrec(id));
    await subscriber.quiet();
    subscriber.destroy();

    const again = await persistent(gateway, 'subscriber');
    // A PUBREC for what is being released already is answered by the same rule.
    again.send(packets.pubrec(id));
    await again.take('pubrel');
    await gateway.kill();
    disk.mend();
    await gateway.restart();
    const recovered = await persistent(gateway, 'subscriber');
    expect((await recovered.next()).type).toBe('pubrel');
  });

  test('PUBCOMP to a publisher that reconnects waits until the identifier is free on disk', async () => {
    const disk = await start();
    const { gateway } = disk;
    const subscriber = await persistent(gateway, 'subscriber');
    await subscriber.subscribe(['a', 2]);
    await subscriber.disconnect();
    const publisher = await persistent(gateway, 'publisher');
    publisher.send(packets.publish('a', 'first', { qos: 2, id: 1 }));
    await publisher.take('pubrec');
    await occupy(disk);
    publisher.send(packets.pubrel(1));
    await publisher.quiet();
    publisher.destroy();

    const again = await persistent(gateway, 'publisher');
    again.send(packets.pubrel(1));
    await again.take('pubcomp');
    await gateway.kill();
    disk.mend();
    await gateway.restart();
    const recovered = await persistent(gateway, 'publisher');
    await recovered.publish('a', 'second', { qos: 2, id: 1 });
    const reader = await persistent(gateway, 'subscriber');
    const received = await reader.messages(2);
    expect(received.map(({ payload }) => payload)).toEqual(['first', 'second']);
  });

  test('UNSUBACK to a client that reconnects waits until it is on disk', async () => {
    const disk = await start();
    const { gateway } = disk;
    const client = await persistent(gateway, 'client');
    await client.subscribe(['a', 1]);
    await occupy(disk);
    client.send(packets.unsubscribe(7, ['a']));
    await client.quiet();
    client.destroy();

    const again = await persistent(gateway, 'client');
    await again.unsubscribe('a');
    await gateway.kill();
    disk.mend();
    await gateway.restart();
    const recovered = await persistent(gateway, 'client');
    recovered.send(packets.publish('a', 'unwanted'));
    await recovered.quiet();
  });
});

test('with an fsync of 20 ms, QoS 0 goes on while QoS 1 waits for the disk', async () => {
  const { gateway } = await start(20);
  const absent = await persistent(gateway, 'absent');
  await absent.subscribe(['stored/#', 1]);
  await absent.disconnect();
  const pinger = await RawClient.open('tcp', gateway.port);
  await pinger.connect();
  await pinger.subscribe(['ping', 0]);
  const storing = await persistent(gateway, 'storing');

  const times = { fast: 0, stored: 0 };
  const end = performance.now() + 2000;
  const ping = async (): Promise<void> => {
    while (performance.now() < end) {
      await pinger.publish('ping', 'x');
      await pinger.next('publish');
      times.fast++;
    }
  };
  const store = async (): Promise<void> => {
    while (performance.now() < end) {
      await storing.publish('stored/x', 'y', { qos: 1 });
      times.stored++;
    }
  };
  await Promise.all([ping(), store()]);
  // One at a time, no QoS 1 message is acknowledged before an fsync of its own.
  expect(times.stored).toBeLessThanOrEqual(2000 / 20 + 1);
  expect(times.stored).toBeGreaterThan(5);
  expect(times.fast).toBeGreaterThan(10 * times.stored);
});

test('a failed fsync acknowledges nothing and loses nothing', async () => {
  const { gateway, sync, mend } = await start();
  const subscriber = await persistent(gateway, 'subscriber');
  await subscriber.subscribe(['a', 1]);
  await subscriber.disconnect();
  const publisher = await persistent(gateway, 'publisher');
  await publisher.publish('a', '1', { qos: 1 });

  sync('fail');
  publisher.send(packets.publish('a', '2', { qos: 1, id: 2 }));
  await until('the failure is told', () => gateway.stdout().includes('SQLITE_IOERR'));
  await publisher.quiet();
  mend();
  expect((await publisher.take('puback')).id).toBe(2);

  await gateway.kill();
  await gateway.restart();
  const reader = await persistent(gateway, 'subscriber');
  expect((await reader.messages(2)).map(({ payload }) => payload)).toEqual(['1', '2']);
});
