import { once } from 'node:events';
import { type ConnectionOptions, connect as dial } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../src/base/clock.ts';
import { openListener } from '../../../src/net/listener.ts';
import type { Transport } from '../../../src/net/transport.ts';
import { Authority } from '../../support/certificates.ts';
import { startProxy } from '../../support/proxy.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { waitFor } from '../../support/wait-for.ts';

/** TLS puts it into one record, which can be read only when it is complete. */
const RECORD_BYTES = 16_000;

test('below TLS, bytes are counted before their record ends, over TCP and over a WebSocket', async () => {
  const authority = new Authority();
  const [cert, key] = [authority.file('gateway.crt'), authority.file('gateway.key')];
  for (const protocol of ['tcp', 'ws'] as const) {
    let transport: Transport | undefined;
    let received = 0;
    const listener = await openListener({
      config: {
        ...{ host: '127.0.0.1', port: 0, protocol, anonymous: true },
        tls: { cert, key, clientCert: 'none' },
      },
      index: 0,
      limits: { packet: 1024 * 1024, tcpKeepalive: 600_000, connections: 2 },
      accept(accepted) {
        transport = accepted;
        return {
          data(chunk) {
            received += chunk.length;
          },
          drained: () => undefined,
          lost: () => undefined,
          violated: () => undefined,
        };
      },
      onHandshakeFailed: () => undefined,
      readBuffer: Buffer.alloc(65_536),
      clock: systemClock,
      log: createQuietLog().log,
      onTrouble: () => undefined,
    });
    onTestFinished(() => listener.stop());
    const proxy = await startProxy(Number(new URL(listener.url).port));
    onTestFinished(() => proxy.close());
    const options: ConnectionOptions = { rejectUnauthorized: false };
    const [write, end] =
      protocol === 'ws'
        ? await overWebSocket(proxy.port, options)
        : await overTls(proxy.port, options);
    onTestFinished(end);
    write(Buffer.alloc(10));
    await waitFor(() => expect(received).toBe(10));
    // Half of a record a second.
    proxy.limit(RECORD_BYTES / 2);
    const before = transport!.encryptedBytes!;
    write(Buffer.alloc(RECORD_BYTES));
    await waitFor(() => expect(transport!.encryptedBytes).toBeGreaterThan(before + 500));
    expect(received).toBe(10);
    await waitFor(() => expect(received).toBe(10 + RECORD_BYTES));
    expect(transport!.encryptedBytes).toBeGreaterThan(before + RECORD_BYTES);
  }
});

type Client = readonly [write: (bytes: Buffer) => void, end: () => void];

async function overTls(port: number, options: ConnectionOptions): Promise<Client> {
  const socket = dial({ host: '127.0.0.1', port, ...options });
  await once(socket, 'secureConnect');
  return [(bytes) => void socket.write(bytes), () => void socket.destroy()];
}

async function overWebSocket(port: number, options: ConnectionOptions): Promise<Client> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/mqtt`, ['mqtt'], {
    perMessageDeflate: false,
    ...options,
  });
  await once(socket, 'open');
  return [(bytes) => socket.send(bytes), () => socket.terminate()];
}
