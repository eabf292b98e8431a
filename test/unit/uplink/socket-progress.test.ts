import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { queueIn, receivedBytes, socketProgress } from '../../../src/uplink/socket-progress.ts';
import { Authority } from '../../support/certificates.ts';
import { until } from '../../support/until.ts';

/** Both ends of a connection. */
async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  onTestFinished(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
  });
  return { near, far };
}

test('what the other side does not read waits; what it has read was delivered', async () => {
  const { near, far } = await pair();
  // More than the buffers of both kernels hold.
  const bytes = 64 * 1024 * 1024;
  near.write(Buffer.alloc(bytes));
  await until('the buffers are full', async () => {
    const before = await socketProgress(near);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const after = await socketProgress(near);
    return after.delivered > 0 && before.delivered === after.delivered;
  });
  const stuck = await socketProgress(near);
  expect(stuck.delivered + stuck.waiting).toBe(bytes);
  expect(stuck.waiting).toBeGreaterThan(1024 * 1024);
  far.resume();
  await until('all of it was read', async () => far.bytesRead === bytes);
  await until('all of it is confirmed', async () => (await socketProgress(near)).waiting === 0);
  expect((await socketProgress(near)).delivered).toBe(bytes);
  expect([receivedBytes(far), receivedBytes(near)]).toEqual([bytes, 0]);
});

test('with TLS the bytes of one large write move below it, not all at its end', async () => {
  const authority = new Authority();
  const [cert, key] = ['gateway.crt', 'gateway.key'].map((name) =>
    readFileSync(authority.file(name)),
  );
  const server = createTlsServer({ cert: cert!, key: key! }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const near = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  const [far] = (await once(server, 'secureConnection')) as [TLSSocket];
  onTestFinished(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
  });
  far.pause();
  const bytes = 32 * 1024 * 1024;
  near.write(Buffer.alloc(bytes));
  await until('a part of it has moved', async () => {
    const { delivered, waiting } = await socketProgress(near);
    return delivered > 64 * 1024 && waiting > 1024 * 1024;
  });
  const { delivered, waiting } = await socketProgress(near);
  // With what TLS adds.
  expect(delivered + waiting).toBeGreaterThan(bytes);
  const before = receivedBytes(far);
  far.resume();
  await until('all of it is confirmed', async () => (await socketProgress(near)).waiting === 0);
  expect((await socketProgress(near)).delivered).toBeGreaterThan(bytes);
  await until(
    'all of it has come',
    async () => receivedBytes(far) > before && far.bytesRead >= bytes,
  );
});

test('of a stream that is no socket nothing was delivered, and what it holds waits', async () => {
  const stream = new PassThrough({ highWaterMark: 10 });
  stream.write(Buffer.alloc(7));
  stream.write(Buffer.alloc(100));
  const { writableLength } = stream;
  expect(writableLength).toBeGreaterThan(0);
  expect(await socketProgress(stream)).toEqual({
    delivered: -writableLength,
    waiting: writableLength,
  });
  expect(receivedBytes(stream)).toBe(0);
});

test('a connection is found in the table of the kernel by both of its ports', () => {
  const row = (local: string, remote: string, queue: string) =>
    `   0: 0100007F:${local} 0100007F:${remote} 01 ${queue} 01:00000014 00000000     0`;
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid',
    row('001F', 'C002', '00000001:00000002'),
    row('C001', '001F', '00000003:00000004'),
    row('001F', 'C001', '0001000A:00000006'),
    row('001F', 'C003', 'none'),
    '',
  ].join('\n');
  expect(queueIn(table, 0x1f, 0xc001)).toBe(65_546);
  expect(queueIn(table, 0x1f, 0xc003)).toBe(0);
  expect(queueIn(table, 0xc001, 0xc001)).toBeUndefined();
  expect(queueIn('', 0x1f, 0xc001)).toBeUndefined();
});
