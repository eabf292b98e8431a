import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Access, type ConnectRequest } from '../../../src/access/access.ts';
import { hashPassword } from '../../../src/access/passwords.ts';
import { check } from '../../../src/cli/check.ts';
import { fakeDrivers } from '../../support/fake-drivers.ts';
import { fakeIo } from '../../support/fake-io.ts';
import { startGateway } from '../../support/gateway.ts';
import * as packets from '../../support/packets.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/until.ts';

const password = await hashPassword('hmi-secret');
const RULES = `users:
  - { name: hmi, password: ${password}, rules: [{ topic: public/#, allow: read }, { topic: lamp/set, allow: read }] }
  - { name: robot, rules: [] }
clients:
  - { id: panel1, rules: [{ topic: lamp/set, allow: write }] }
anonymous:
  rules: [{ topic: public/#, allow: read }, { topic: 'own/%c/#', allow: readwrite }]
`;

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cellgate-access-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  }
  return folder;
}

async function createAccess() {
  const file = join(folderWith({ 'access.yaml': RULES }), 'access.yaml');
  const { log, lines } = createQuietLog();
  const access = new Access({ file, log, now: () => 0 });
  await access.start();
  onTestFinished(() => access.stop());
  const rightsOf = async (request: Partial<ConnectRequest>) => {
    const admission = await access.admit({
      ...{ address: '127.0.0.1', clientId: 'panel1', anonymous: true },
      ...{ username: undefined, password: undefined, certificate: undefined },
      ...request,
    });
    if (!('rights' in admission)) throw new Error(admission.reason);
    const { rights, identity } = admission;
    return {
      identity,
      lamp: rights.mayPublish('lamp/set'),
      own: rights.mayPublish('own/panel1/x'),
      read: rights.maySubscribe('public/a'),
    };
  };
  return { access, lines, rightsOf };
}

describe('rules by client id', () => {
  test('give nothing to an anonymous client that claims the id', async () => {
    const { access, rightsOf } = await createAccess();
    const { identity, ...rights } = await rightsOf({});
    expect(rights).toEqual({ lamp: false, own: false, read: true });
    // The same when the file changes while the client is connected.
    expect(access.rightsOf(identity, 'panel1')?.mayPublish('lamp/set')).toBe(false);
  });

  test('hold together with a user', async () => {
    const { rightsOf } = await createAccess();
    const login = { username: 'hmi', password: Buffer.from('hmi-secret') };
    expect(await rightsOf(login)).toMatchObject({ lamp: true, own: false, read: true });
  });

  test('hold together with a certificate', async () => {
    const { rightsOf } = await createAccess();
    expect(await rightsOf({ certificate: 'robot', anonymous: false })).toMatchObject({
      lamp: true,
      own: false,
    });
  });

  test('hold on a listener that trusts client ids, also after the file has changed', async () => {
    const { access, rightsOf } = await createAccess();
    const { identity, ...rights } = await rightsOf({ trustClientIds: true });
    expect(rights).toEqual({ lamp: true, own: true, read: true });
    expect(access.rightsOf(identity, 'panel1')?.mayPublish('lamp/set')).toBe(true);
  });

  test('that do not hold are logged once, however many clients claim such an id', async () => {
    const { lines, rightsOf } = await createAccess();
    for (let count = 0; count < 100; count++) await rightsOf({});
    await rightsOf({ clientId: 'another' });
    expect(lines.filter((line) => line.includes('trustClientIds'))).toHaveLength(1);
  });
});

describe('check', () => {
  async function checked(listeners: string, access = RULES) {
    const config = `cell: c\nbroker:\n  access: access.yaml\n  listeners:\n${listeners}`;
    const folder = folderWith({ 'config.yaml': config, 'access.yaml': access });
    const io = fakeIo({}, folder);
    const code = await check({ config: 'config.yaml' }, io, fakeDrivers);
    return { code, lines: io.out().replaceAll(`${folder}/`, '').split('\n').slice(0, -1) };
  }
  const LOOPBACK = '    - { host: 127.0.0.1, port: 1883 }\n';

  test('warns of each rule that rests on a client id alone, with its line and what to write', async () => {
    const { code, lines } = await checked(LOOPBACK);
    expect(code).toBe(0);
    expect(lines).toEqual([
      'access.yaml:5:11: clients[0].id: warning: the rules of the client id panel1 (lamp/set) hold only for a client with a user or a certificate, expected them under users, for a user that this client logs in as (cellgate user add panel1), or trustClientIds: true at the listener 127.0.0.1:1883 if no client there claims the id of another',
      'access.yaml:7:54: anonymous.rules[1].topic: warning: rules with %c such as own/%c/# hold only for a client with a user or a certificate, expected them under users, for a user that these clients log in as, or trustClientIds: true at the listener 127.0.0.1:1883 if no client there claims the id of another',
      expect.stringContaining('fine'),
    ]);
  });

  test.each([
    [
      'every listener with anonymous clients trusts ids',
      LOOPBACK.replace(' }', ', trustClientIds: true }'),
      RULES,
    ],
    ['no listener admits anonymous clients', LOOPBACK.replace(' }', ', anonymous: false }'), RULES],
    ['the file admits none', LOOPBACK, RULES.replace(/anonymous:.*/s, '')],
    ['no rule names an id', LOOPBACK, RULES.replace(/clients:\n.*\n/, '').replace('%c', 'x')],
  ])('does not warn where %s', async (_name, listeners, access) => {
    expect((await checked(listeners, access)).lines).toEqual([expect.stringContaining('fine')]);
  });

  test('names the listener that does not trust ids beside one that does', async () => {
    const trusting = LOOPBACK.replace('1883 }', '1884, trustClientIds: true }');
    const { lines } = await checked(LOOPBACK + trusting);
    expect(lines[0]).toContain('at the listener 127.0.0.1:1883 if');
  });
});

test('an anonymous client named panel1 switches nothing, until a reload trusts client ids, over TCP and WebSocket', async () => {
  const folder = folderWith({ 'access.yaml': RULES });
  const gateway = await startGateway({ access: join(folder, 'access.yaml') });
  onTestFinished(() => gateway.dispose());
  /** What reaches the lamp when a client that calls itself panel1 switches it. */
  const switched = async (transport: 'tcp' | 'ws'): Promise<unknown> => {
    const lamp = await RawClient.open('tcp', gateway.port);
    await lamp.connect({ username: 'hmi', password: 'hmi-secret', clientId: 'lamp' });
    expect(await lamp.subscribe(['lamp/set', 1])).toEqual([1]);
    const panel = await RawClient.open(
      transport,
      transport === 'tcp' ? gateway.port : gateway.wsPort,
    );
    await panel.connect({ clientId: 'panel1' });
    await panel.publish('lamp/set', transport, { qos: 1 });
    await panel.disconnect();
    lamp.send(packets.pingreq);
    const answers = [(await lamp.next()).type];
    if (answers[0] === 'publish') answers.push((await lamp.next()).type);
    await lamp.disconnect();
    return answers;
  };
  expect(await switched('tcp')).toEqual(['pingresp']);
  expect(await switched('ws')).toEqual(['pingresp']);
  const config = readFileSync(gateway.configFile, 'utf8');
  writeFileSync(
    gateway.configFile,
    config.replaceAll(/( +)- host: .*/g, '$&\n$1  trustClientIds: true'),
  );
  process.kill(gateway.pid, 'SIGHUP');
  await until('the reload is done', () => /reload: done/.test(gateway.stdout()));
  expect(await switched('tcp')).toEqual(['publish', 'pingresp']);
  expect(await switched('ws')).toEqual(['publish', 'pingresp']);
});
