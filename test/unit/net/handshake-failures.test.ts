import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { handshakeFailure } from '../../../src/net/handshake-failures.ts';
import { type Listener, openListener } from '../../../src/net/listener.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A key and a certificate that it has signed itself. */
function selfSigned(folder: string, name: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const words = ['req', '-x509', ...ec, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`];
  execFileSync('openssl', words, { stdio: 'pipe' });
  return { key, cert };
}

describe.each(['tcp', 'ws'] as const)('a failed handshake of TLS (%s)', (protocol) => {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-unit-'));
  let listener: Listener;
  let port = 0;
  let failures: [address: string, reason: string][] = [];

  beforeAll(async () => {
    const own = selfSigned(folder, 'gateway');
    listener = await openListener({
      config: {
        ...{ host: '127.0.0.1', port: 0, protocol, anonymous: true },
        tls: { ...own, clientCert: 'required', ca: own.cert },
      },
      ...{ index: 0, limits: { packet: 1024, tcpKeepalive: 600_000, connections: 100 } },
      ...{ clock: { wall: () => Date.now() }, log: createQuietLog().log },
      ...{ readBuffer: Buffer.alloc(1024), accept: () => undefined },
      onTrouble: () => undefined,
      onHandshakeFailed: (...failure) => failures.push(failure),
    });
    port = Number(new URL(listener.url).port);
  });
  afterAll(async () => {
    await listener?.stop();
    rmSync(folder, { recursive: true });
  });

  async function failureOf(act: () => { destroy(): void }): Promise<unknown> {
    failures = [];
    const socket = act();
    await waitFor(() => expect(failures).toHaveLength(1));
    socket.destroy();
    return failures[0];
  }
  const dial = (options: ConnectionOptions) =>
    connect({ host: '127.0.0.1', port, ...options }).on('error', () => undefined);
  const say = (bytes: string) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    socket.write(bytes);
    return socket;
  };
  const LAX = { rejectUnauthorized: false } as const;

  test.each<[string, RegExp, () => { destroy(): void }]>([
    ['without TLS', /begins without TLS/, () => say('\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd')],
    ['with HTTP', /begins with HTTP/, () => say('GET / HTTP/1.1\r\n\r\n')],
    ['without a certificate', /has no certificate/, () => dial(LAX)],
    [
      'with TLS 1.1',
      /TLS 1\.2 or 1\.3/,
      () =>
        dial({
          ...{ ...LAX, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
          ciphers: 'DEFAULT@SECLEVEL=0',
        }),
    ],
    [
      'without a cipher in common',
      /no cipher/,
      () => dial({ ...LAX, maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }),
    ],
    [
      'that ends',
      /has closed the connection/,
      () => {
        const socket = createConnection({ host: '127.0.0.1', port });
        return socket.on('connect', () => socket.end());
      },
    ],
  ])('%s is said in plain words, with the address', async (_name, reason, act) => {
    expect(await failureOf(act)).toEqual(['127.0.0.1', expect.stringMatching(reason)]);
  });

  test('of another authority', async () => {
    const { key, cert } = selfSigned(folder, 'stranger');
    const options = { ...LAX, key: readFileSync(key), cert: readFileSync(cert) };
    const [address, reason] = (await failureOf(() => dial(options))) as string[];
    expect(address).toBe('127.0.0.1');
    expect(reason).toMatch(/authority|closed the connection/);
  });
});

test('an error that is not known is said by OpenSSL', () => {
  const message =
    '806C:error:0A000076:SSL routines:tls_process_hello:no suitable thing:file.c:1:\n';
  expect(handshakeFailure(new Error(message))).toBe('no suitable thing');
  expect(handshakeFailure(new Error('something else'))).toBe('something else');
});
