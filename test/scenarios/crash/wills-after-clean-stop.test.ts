import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';
import { mayMount, mountSmallDisk } from '../../support/small-disk.ts';

test('after a clean stop, a start and a crash the wills go out at once', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.dispose());
  await gateway.stop();
  await gateway.restart();
  const device = await RawClient.open('tcp', gateway.port);
  const will = { topic: 'device/status', payload: 'offline', qos: 1, retain: true } as const;
  await device.connect({ clientId: 'device', will });
  await device.publish('device/status', 'online', { qos: 1, retain: true });
  await gateway.kill();
  await gateway.restart();
  const watcher = await RawClient.open('tcp', gateway.port);
  await watcher.connect();
  await watcher.subscribe(['device/status', 1]);
  expect((await watcher.next('publish')).payload).toBe('offline');
});

test('the same where the start after the clean stop found a read-only disk', async (context) => {
  context.skip(!mayMount, 'needs the right to mount a file system (root)');
  const disk = mountSmallDisk(12);
  const gateway = await startGateway({ config: { data: disk.folder } });
  onTestFinished(async () => {
    await gateway.dispose();
    disk.dispose();
  });
  await gateway.stop();
  disk.readOnly();
  await gateway.restart();
  disk.writable();
  const device = await RawClient.open('tcp', gateway.port);
  const will = { topic: 'device/status', payload: 'offline', qos: 1, retain: true } as const;
  await device.connect({ clientId: 'device', will });
  await device.publish('device/status', 'online', { qos: 1, retain: true });
  await gateway.kill();
  await gateway.restart();
  const watcher = await RawClient.open('tcp', gateway.port);
  await watcher.connect();
  await watcher.subscribe(['device/status', 1]);
  expect((await watcher.next('publish')).payload).toBe('offline');
});
