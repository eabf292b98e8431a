import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { isReachable } from '../../../src/uplink/reachable.ts';

test('an address is reachable while something listens there', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection');
  expect(await isReachable(`mqtt://127.0.0.1:${port}`)).toBe(true);
  await accepted;
  server.close();
  await once(server, 'close');
  expect(await isReachable(`mqtt://127.0.0.1:${port}`)).toBe(false);
});
