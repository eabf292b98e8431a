import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import { RawClient } from '../../support/raw-client.ts';

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
