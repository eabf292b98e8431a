import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import { Access } from '../../src/access/access.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Faults } from '../../src/base/faults.ts';
import { Broker } from '../../src/broker/broker.ts';
import { LIMITS, type SomeLimits } from './broker.ts';
import { Client5 } from './client-5.ts';
import { createQuietLog } from './quiet-log.ts';
import { startStore } from './store.ts';
import { tempFolder } from './temp-folder.ts';

export const TRANSPORTS = ['tcp', 'ws', 'tls'] as const;
export type AnyTransport = (typeof TRANSPORTS)[number];

export interface AccessBroker {
  readonly broker: Broker;
  /** Of the listener for TCP. */
  readonly port: number;
  /** All that was logged, one record in a line. */
  logged(): string;
  /** Milliseconds on the clock of the access rules; it stands still. */
  ms: number;
  /** Another access file; it is in force a second later. */
  put(rules: string): void;
  /** A connection, without a CONNECT. */
  open(transport?: AnyTransport): Promise<Client5>;
}

/** A broker in this process with an access file and listeners for TCP, WebSocket and, if asked, TLS, for all versions of MQTT. */
export async function startAccessBroker(
  rules: string | undefined,
  limits: SomeLimits = {},
  hasTls = false,
): Promise<AccessBroker> {
  const folder = tempFolder();
  const { log, records } = createQuietLog();
  const file = join(folder, 'access.yaml');
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  if (rules !== undefined) put(rules);
  const time = { ms: 0 };
  const access = new Access({ file: rules && file, log, now: () => time.ms });
  await access.start();
  const faults = new Faults(log, systemClock.monotonic);
  const { store } = await startStore(folder, { faults });
  const shared = { host: '127.0.0.1', port: 0, anonymous: false, versions: [3, 4, 5] as const };
  const listeners = [
    { ...shared, protocol: 'tcp' as const },
    { ...shared, protocol: 'ws' as const },
    ...(hasTls ? [{ ...shared, protocol: 'tcp' as const, tls: certificate(folder) }] : []),
  ];
  const broker = new Broker({
    ...{ listeners, store, log, faults, access, clock: systemClock },
    limits: { ...LIMITS, ...limits, queue: { ...LIMITS.queue, ...limits.queue } },
  });
  await broker.start();
  onTestFinished(async () => {
    await broker.stop();
    await store.stop();
    await access.stop();
  });
  const [tcp, ws, tls] = broker.urls.map((url) => Number(new URL(url).port));
  const ports = { tcp: tcp!, ws: ws!, tls: tls ?? 0 };
  const openClient = async (transport: AnyTransport): Promise<Client5> => {
    if (transport !== 'tls') return Client5.open(transport, ports[transport]);
    const socket = connectTls({ port: ports.tls, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return Client5.overSocket(socket);
  };
  return Object.assign(time, {
    ...{ broker, put, port: ports.tcp },
    logged: () => records.map((each) => JSON.stringify(each)).join('\n'),
    async open(transport: AnyTransport = 'tcp') {
      const client = await openClient(transport);
      onTestFinished(() => client.destroy());
      return client;
    },
  });
}

function certificate(folder: string) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const words = ['req', '-x509', ...ec, '-keyout', key, '-out', cert, '-subj', '/CN=localhost'];
  execFileSync('openssl', words, { stdio: 'pipe' });
  return { key, cert, clientCert: 'none' as const };
}
