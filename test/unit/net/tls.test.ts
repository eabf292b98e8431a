import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type ConnectionOptions, connect as dial } from 'node:tls';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { hashPassword } from '../../../src/access/passwords.ts';
import { Certificates } from '../../../src/net/certificates.ts';
import { Authority } from '../../support/certificates.ts';
import { startGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const HMI = { username: 'hmi', password: 'hmi-secret' };
const hash = await hashPassword(HMI.password);

type ClientCert = 'none' | 'optional' | 'required';

/** A gateway with one more listener, for TLS, and an access file that knows one user by certificate only. */
async function start(authority: Authority, clientCert: ClientCert = 'required') {
  const [port, tlsPort] = [await freePort(), await freePort()];
  const [cert, key, ca] = ['gateway.crt', 'gateway.key', 'ca.crt'].map((f) => authority.file(f));
  const access = authority.file('access.yaml');
  const rules = '[{ topic: "a/#", allow: readwrite }, { topic: "$SYS/#", allow: read }]';
  writeFileSync(access, `users: [{ name: hmi, password: ${hash}, rules: ${rules} }]\n`, {
    mode: 0o600,
  });
  const tls = { cert, key, clientCert, ...(clientCert === 'none' ? {} : { ca }) };
  const gateway = await startGateway({
    config: {
      broker: {
        access,
        listeners: [
          { host: '127.0.0.1', port },
          { host: '127.0.0.1', port: tlsPort, tls, anonymous: false },
        ],
      },
    },
    ports: [port, tlsPort],
  });
  onTestFinished(() => gateway.dispose());
  return { tlsPort, gateway };
}

async function connect(url: string, options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false);
  onTestFinished(async () => void (await client.endAsync(true).catch(() => undefined)));
  return client;
}

function credentials(authority: Authority, name: string, ca = authority) {
  return {
    ca: readFileSync(ca.file('ca.crt')),
    cert: readFileSync(authority.file(`${name}.crt`)),
    key: readFileSync(authority.file(`${name}.key`)),
  };
}

/** How much the gateway says to a CONNECT and a DISCONNECT before the connection ends. */
function bytesBeforeTheEnd(port: number, options: ConnectionOptions): Promise<number> {
  return new Promise((resolve) => {
    let bytes = 0;
    const socket = dial({ host: 'localhost', port, ...options });
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(bytes));
    socket.write(packets.connect({ clientId: 'raw' }));
    socket.write(packets.disconnect);
  });
}

describe('certificates', () => {
  test('a client of the own authority gets in, one of another or of yesterday does not', async () => {
    const [authority, stranger] = [new Authority(), new Authority()];
    authority.run('client', 'hmi');
    stranger.run('client', 'hmi');
    authority.expired('late', 'clientAuth');
    const { tlsPort, gateway } = await start(authority);
    const url = `mqtts://localhost:${tlsPort}`;
    const hmi = await connect(url, credentials(authority, 'hmi'));
    expect((await hmi.subscribeAsync('a/b'))[0]?.qos).toBe(0);
    const ca = readFileSync(authority.file('ca.crt'));
    expect(await bytesBeforeTheEnd(tlsPort, credentials(authority, 'hmi'))).toBeGreaterThan(0);
    expect(await bytesBeforeTheEnd(tlsPort, credentials(stranger, 'hmi', authority))).toBe(0);
    expect(await bytesBeforeTheEnd(tlsPort, credentials(authority, 'late'))).toBe(0);
    expect(await bytesBeforeTheEnd(tlsPort, { ca })).toBe(0);
    const old: ConnectionOptions = { ...credentials(authority, 'hmi'), maxVersion: 'TLSv1.1' };
    expect(await bytesBeforeTheEnd(tlsPort, old)).toBe(0);
    await until('it is logged', () => gateway.stdout().includes('it has no certificate, which'));
    expect(gateway.stdout()).toContain('"msg":"TLS handshake failed"');
  });

  test('a new certificate is taken up; whoever is connected stays', async () => {
    const authority = new Authority();
    const { tlsPort } = await start(authority, 'none');
    const ca = readFileSync(authority.file('ca.crt'));
    const stays = await connect(`mqtts://localhost:${tlsPort}`, { ca, ...HMI });
    let closed = false;
    stays.on('close', () => {
      closed = true;
    });
    const fingerprint = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = dial({ host: 'localhost', port: tlsPort, ca }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const before = await fingerprint();
    authority.run('server', '--name', 'localhost');
    await until('the new one is shown', async () => (await fingerprint()) !== before);
    await stays.subscribeAsync('a/b');
    expect(closed).toBe(false);
  });

  test('files that do not belong together change nothing and are reported; so is a certificate that ends soon', async () => {
    const [authority, other] = [new Authority(), new Authority()];
    const [cert, key] = [authority.file('gateway.crt'), authority.file('gateway.key')];
    const { log } = createQuietLog();
    const changes: unknown[] = [];
    let now = Date.now();
    const certificates = new Certificates({
      tls: { cert, key },
      wall: () => now,
      log,
      onChanged: (context) => changes.push(context),
    });
    onTestFinished(() => certificates.stop());
    expect(certificates.trouble()).toBeUndefined();
    copyFileSync(other.file('gateway.key'), key);
    await until('it is reported', () => certificates.trouble() !== undefined);
    expect(certificates.trouble()).toMatch(/have changed and can't be used, .* stay: /);
    expect(changes).toHaveLength(0);
    copyFileSync(other.file('gateway.crt'), cert);
    await until('they are taken up', () => changes.length > 0);
    expect(certificates.trouble()).toBeUndefined();
    now += (3650 - 20) * 86_400_000;
    expect(certificates.trouble()).toMatch(
      /gateway\.crt ends on 20\d\d-\d\d-\d\d, in (19|20) days/,
    );
    now += 21 * 86_400_000;
    expect(certificates.trouble()).toMatch(/ended on 20\d\d-\d\d-\d\d, clients refuse it/);
  });
});

describe('a browser', () => {
  const answer = (port: number, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, 'mqtt', { headers });
      socket.on('open', () => {
        socket.terminate();
        resolve(101);
      });
      socket.on('unexpected-response', (_request, { statusCode }) => {
        socket.terminate();
        resolve(statusCode ?? 0);
      });
      socket.on('error', reject);
    });

  test('may connect from a page of the gateway, not from one of somebody else', async () => {
    const wsPort = await freePort();
    const listener = { host: '127.0.0.1', port: wsPort, protocol: 'ws' };
    const origins = ['https://HMI.example:8443'];
    const gateway = await startGateway({
      config: { broker: { listeners: [{ ...listener, origins }] } },
      ports: [wsPort],
    });
    onTestFinished(() => gateway.dispose());
    const from = (origin: string, headers = {}): Promise<number> =>
      answer(wsPort, { origin, ...headers });
    expect(await answer(wsPort, {})).toBe(101);
    expect(await from('http://127.0.0.1:8080')).toBe(101);
    expect(await from('https://hmi.example:8443')).toBe(101);
    expect(await from('https://hmi.example')).toBe(401);
    expect(await from('http://evil.example')).toBe(401);
    expect(await from('null')).toBe(401);
    // A foreign name that points to this address is not this gateway.
    expect(await from('http://evil.example', { host: `evil.example:${wsPort}` })).toBe(401);
    expect(await from('http://localhost:3000', { host: `localhost:${wsPort}` })).toBe(101);
  });
});
