import mqtt, { type IConnackPacket } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { scramKeysOf } from '../../../src/access/scram.ts';
import { type AccessBroker, startAccessBroker, TRANSPORTS } from '../../support/access-broker.ts';
import type { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';
import { readChallenge, ScramClient } from '../../support/scram-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const METHOD = 'SCRAM-SHA-256';
const [CONTINUE, AGAIN] = [0x18, 0x19];
const [password, scram, plcScram] = await Promise.all([
  hashPassword('hmi-secret'),
  scramKeysOf('hmi-secret'),
  scramKeysOf('plc-secret'),
]);
const SECRET = Buffer.alloc(32, 7).toString('base64');

const RULES = `
users:
  - name: hmi
    password: ${password}
    scram: ${scram}
    rules: [{ topic: 'cell/#', allow: readwrite }, { topic: 'hmi/%c', allow: write }]
  - { name: plc, scram: '${plcScram}' }
  - { name: old, password: '${password}' }
scramSecret: ${SECRET}
`;

const start = (limits = {}, transport = 'tcp') =>
  startAccessBroker(RULES, limits, transport === 'tls');

const of = (data?: Uint8Array, method: string = METHOD): p.Properties => [
  ['authenticationMethod', method],
  ...(data ? [['authenticationData', data] as const] : []),
];

/** CONNECT with the first message, and the challenge. */
async function challenged(
  client: Client5,
  login: ScramClient,
  options: p.ConnectOptions5 = {},
): Promise<Buffer> {
  client.send(p.connect({ ...options, properties: of(login.first) }));
  const auth = await client.next('auth');
  expect(auth.code).toBe(CONTINUE);
  expect(p.valueIn(auth, 'authenticationMethod')).toBe(METHOD);
  return p.valueIn(auth, 'authenticationData') as Buffer;
}

/** The whole login; resolves with CONNACK. */
async function logIn(
  client: Client5,
  login: ScramClient,
  options: p.ConnectOptions5 = {},
): Promise<p.Packet5> {
  const challenge = await challenged(client, login, options);
  client.send(p.auth(CONTINUE, of(login.final(challenge))));
  client.connack = await client.next('connack');
  return client.connack;
}

async function loggedIn(
  broker: AccessBroker,
  options: p.ConnectOptions5 = {},
  user = 'hmi',
): Promise<Client5> {
  const client = await broker.open();
  const connack = await logIn(client, new ScramClient(user, `${user}-secret`), options);
  expect(connack.code).toBe(0);
  return client;
}

/** CONNACK's code for a login that is refused, after which the connection has ended. */
async function refusal(broker: AccessBroker, user: string, secret: string): Promise<p.Packet5> {
  const client = await broker.open();
  const connack = await logIn(client, new ScramClient(user, secret));
  await client.raw.closed();
  return connack;
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('[MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.15.2-1] a client logs in with SCRAM-SHA-256, and learns that the gateway knows its password', async () => {
    const broker = await start({}, transport);
    const client = await broker.open(transport);
    const login = new ScramClient('hmi', 'hmi-secret');
    const connack = await logIn(client, login, { clientId: 'panel1' });
    expect(connack).toMatchObject({ code: 0, sessionPresent: false });
    expect(p.valueIn(connack, 'authenticationMethod')).toBe(METHOD);
    expect(login.isProved(p.valueIn(connack, 'authenticationData'))).toBe(true);
    // Its user's rights.
    expect(
      await client.subscribe([
        ['cell/#', 1],
        ['other', 1],
      ]),
    ).toEqual([1, 0x87]);
    expect(await client.publish('hmi/panel1', '', { qos: 1 })).not.toBe(0x87);
    expect(await client.publish('hmi/panel2', '', { qos: 1 })).toBe(0x87);
  });

  test('a client that waits for the server first gets an empty challenge', async () => {
    const broker = await start({}, transport);
    const client = await broker.open(transport);
    const login = new ScramClient('plc', 'plc-secret', 'y,,');
    client.send(p.connect({ properties: of() }));
    const asked = await client.next('auth');
    expect([asked.code, asked.properties]).toEqual([CONTINUE, of()]);
    client.send(p.auth(CONTINUE, of(login.first)));
    const { properties } = await client.next('auth');
    client.send(p.auth(CONTINUE, of(login.final(properties[1]![1] as Buffer))));
    const connack = await client.next('connack');
    expect(connack.code).toBe(0);
    expect(login.isProved(p.valueIn(connack, 'authenticationData'))).toBe(true);
  });

  test('[MQTT-4.12.0-4] a wrong password gets 0x86, and the connection ends', async () => {
    const broker = await start({}, transport);
    const client = await broker.open(transport);
    const connack = await logIn(client, new ScramClient('hmi', 'wrong'));
    expect(connack.code).toBe(0x86);
    expect(p.valueIn(connack, 'reasonString')).toBe('wrong user or password: "hmi"');
    await client.raw.closed();
  });

  test('[MQTT-4.12.1-1] a client proves its password again while messages go on', async () => {
    const broker = await start({}, transport);
    const client = await broker.open(transport);
    await logIn(client, new ScramClient('hmi', 'hmi-secret'));
    await client.subscribe([['cell/#', 1]]);
    for (const _ of [1, 2]) {
      const again = new ScramClient('hmi', 'hmi-secret');
      client.send(p.auth(AGAIN, of(again.first)));
      const auth = await client.next('auth');
      expect(auth.code).toBe(CONTINUE);
      await client.publish('cell/a', 'during', { qos: 1 });
      expect(await client.message()).toMatchObject({ payload: 'during' });
      const challenge = p.valueIn(auth, 'authenticationData') as Buffer;
      client.send(p.auth(CONTINUE, of(again.final(challenge))));
      const done = await client.next('auth');
      expect(done.code).toBe(0);
      expect(p.valueIn(done, 'authenticationMethod')).toBe(METHOD);
      expect(again.isProved(p.valueIn(done, 'authenticationData'))).toBe(true);
    }
    await client.quiet();
  });

  test('[MQTT-4.12.1-2] a second login that fails gets DISCONNECT 0x87, and the will is published', async () => {
    const broker = await start({}, transport);
    const watcher = await loggedIn(broker, { clientId: 'watcher' });
    await watcher.subscribe([['cell/#', 1]]);
    const client = await broker.open(transport);
    await logIn(client, new ScramClient('hmi', 'hmi-secret'), {
      will: { topic: 'cell/will', payload: 'gone' },
    });
    const again = new ScramClient('hmi', 'wrong');
    client.send(p.auth(AGAIN, of(again.first)));
    const challenge = p.valueIn(await client.next('auth'), 'authenticationData') as Buffer;
    client.send(p.auth(CONTINUE, of(again.final(challenge))));
    const end = await client.ended(0x87);
    expect(p.valueIn(end, 'reasonString')).toContain('wrong user or password');
    expect(await watcher.message()).toMatchObject({ topic: 'cell/will', payload: 'gone' });
  });
});

test('mqtt.js logs in, and logs in again when it has lost its connection', async () => {
  const broker = await start();
  let login = new ScramClient('hmi', 'hmi-secret');
  const properties = { authenticationMethod: METHOD, authenticationData: login.first };
  const client = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
    ...{ protocolVersion: 5, clientId: 'js', reconnectPeriod: 50, properties },
  });
  onTestFinished(async () => void (await client.endAsync(true)));
  client.handleAuth = ({ properties: sent }, done) => {
    const authenticationData = login.final(sent!.authenticationData!);
    const answer = { authenticationMethod: METHOD, authenticationData };
    done(undefined, { cmd: 'auth', reasonCode: CONTINUE, properties: answer });
  };
  for (const _ of [1, 2]) {
    const connack = await new Promise<IConnackPacket>((resolve) => client.once('connect', resolve));
    expect(login.isProved(connack.properties?.authenticationData)).toBe(true);
    login = new ScramClient('hmi', 'hmi-secret');
    client.options.properties!.authenticationData = login.first;
    broker.broker.disconnectClient('js');
  }
});

test('what a client sends with its last AUTH is read after CONNACK', async () => {
  const broker = await start();
  const client = await broker.open();
  const login = new ScramClient('hmi', 'hmi-secret');
  const final = p.auth(CONTINUE, of(login.final(await challenged(client, login))));
  client.send(final, p.subscribe(1, [['cell/#', 0]]), p.publish('cell/a', 'early'));
  expect((await client.next('connack')).code).toBe(0);
  expect((await client.next('suback')).codes).toEqual([0]);
  expect(await client.message()).toMatchObject({ payload: 'early' });
});

test('the session of another user and a will that the user may not publish are refused', async () => {
  const broker = await start();
  const properties: p.Properties = [['sessionExpiry', 100]];
  const owner = await broker.open();
  await owner.connect({ username: 'old', password: 'hmi-secret', clientId: 'c', properties });
  const answer = async (options: p.ConnectOptions5) =>
    (await logIn(await broker.open(), new ScramClient('hmi', 'hmi-secret'), options)).code;
  expect(await answer({ clientId: 'c', clean: false })).toBe(0x85);
  expect(await answer({ clientId: 'd', will: { topic: 'other' } })).toBe(0x87);
  await owner.quiet();
});

describe('which users there are is not told', () => {
  test('a user that does not exist, or has no keys for SCRAM, gets a challenge like any other', async () => {
    const broker = await start();
    const challengeFor = async (user: string) => {
      const client = await broker.open();
      const { salt, iterations } = readChallenge(
        await challenged(client, new ScramClient(user, '')),
      );
      return { salt: salt.toString('hex'), iterations };
    };
    const hmi = await challengeFor('hmi');
    const salts = new Set([hmi.salt]);
    for (const user of ['nobody', 'noone', 'old']) {
      const [one, other] = [await challengeFor(user), await challengeFor(user)];
      expect(one).toEqual(other);
      expect(one.iterations).toBe(hmi.iterations);
      expect(one.salt).toHaveLength(hmi.salt.length);
      salts.add(one.salt);
    }
    expect(salts.size).toBe(4);
    // The secret in the file: the same after a restart.
    const restarted = await start();
    const client = await restarted.open();
    const after = readChallenge(await challenged(client, new ScramClient('nobody', '')));
    expect(after.salt.toString('hex')).toBe((await challengeFor('nobody')).salt);
  });

  test('the answers are the same, and the log says what a user without keys needs', async () => {
    const broker = await start();
    const answers = [];
    for (const user of ['nobody', 'old', 'hmi', 'plc']) {
      const { code, properties } = await refusal(broker, user, 'wrong');
      answers.push(JSON.stringify([code, properties]).replace(user, 'USER'));
    }
    expect(new Set(answers).size).toBe(1);
    // The right password without keys: no way in, and no other answer.
    const { code, properties } = await refusal(broker, 'old', 'hmi-secret');
    expect(JSON.stringify([code, properties]).replace('old', 'USER')).toBe(answers[0]);
    await waitFor(() =>
      expect(broker.logged()).toMatch(
        /the user .*old.* has no keys for SCRAM in the access file: set the password again with .*cellgate user add/,
      ),
    );
  });
});

describe('guessing passwords', () => {
  test('wrong proofs and wrong passwords count together, and are slowed down for known and unknown users', async () => {
    const broker = await start();
    for (const user of ['hmi', 'nobody']) {
      const plain = async (secret: string) => {
        const client = await broker.open();
        client.send(p.connect({ username: user, password: secret }));
        return client.next('connack');
      };
      expect((await plain('wrong')).code).toBe(0x86);
      await refusal(broker, user, 'wrong');
      await refusal(broker, user, 'wrong');
      // The first message is refused: nothing more is computed.
      const client = await broker.open();
      client.send(p.connect({ properties: of(new ScramClient(user, 'hmi-secret').first) }));
      const connack = await client.next('connack');
      expect(connack.code).toBe(0x86);
      expect(p.valueIn(connack, 'reasonString')).toContain('too many wrong passwords');
      expect((await plain('hmi-secret')).code).toBe(0x86);
    }
    broker.ms += 1001;
    await loggedIn(broker);
    // A right one ends the pauses.
    await refusal(broker, 'hmi', 'wrong');
    await loggedIn(broker);
  });

  test('logins that have begun before the first of them was wrong are slowed down too', async () => {
    const broker = await start();
    const logins = [];
    for (let i = 0; i < 5; i++) {
      const client = await broker.open();
      const login = new ScramClient('hmi', i < 3 ? 'wrong' : 'hmi-secret');
      logins.push({ client, login, challenge: await challenged(client, login) });
    }
    const codes = [];
    for (const { client, login, challenge } of logins) {
      client.send(p.auth(CONTINUE, of(login.final(challenge))));
      codes.push(p.valueIn(await client.next('connack'), 'reasonString'));
    }
    expect(codes.slice(0, 3)).toEqual(Array(3).fill('wrong user or password: "hmi"'));
    expect(codes.slice(3)).toEqual(Array(2).fill('too many wrong passwords for "hmi"'));
  });
});

describe('what is refused', () => {
  test.each([
    ['[MQTT-4.12.0-1] another method', of(Buffer.from('x'), 'SCRAM-SHA-1'), 0x8c, /SCRAM-SHA-256/],
    ['a method with channel binding', of(Buffer.from('x'), 'SCRAM-SHA-256-PLUS'), 0x8c, /PLUS/],
    ['the empty method', of(Buffer.from('x'), ''), 0x8c, /SCRAM-SHA-256/],
    [
      'channel binding',
      of(Buffer.from('p=tls-exporter,,n=hmi,r=abc')),
      0x87,
      /asks for channel binding/,
    ],
    ['bytes that are no message of SCRAM', of(Buffer.from([0xff, 0])), 0x87, /UTF-8/],
    ['a message that is too long', of(Buffer.alloc(2049, 'n')), 0x87, /too long/],
    ['data without a method', [['authenticationData', Buffer.from('x')]], 0x82, null],
  ] as const)('%s', async (_name, properties, code, reason) => {
    const broker = await start();
    const client = await broker.open();
    client.send(p.connect({ properties: properties as p.Properties }));
    const connack = await client.next('connack');
    expect(connack.code).toBe(code);
    if (reason) expect(p.valueIn(connack, 'reasonString')).toMatch(reason);
    await client.raw.closed();
  });

  test('every method where there is no access file', async () => {
    const broker = await startAccessBroker(undefined);
    const client = await broker.open();
    client.send(p.connect({ properties: of(new ScramClient('hmi', 'x').first) }));
    const connack = await client.next('connack');
    expect(connack.code).toBe(0x8c);
    expect(p.valueIn(connack, 'reasonString')).toContain('broker.access');
  });

  test('a login for another user than that of the CONNECT', async () => {
    const broker = await start();
    const client = await broker.open();
    const login = new ScramClient('hmi', 'hmi-secret');
    client.send(p.connect({ username: 'plc', properties: of(login.first) }));
    expect((await client.next('connack')).code).toBe(0x86);
    await client.raw.closed();
    await loggedIn(broker, { username: 'hmi' });
  });

  const DURING_LOGIN: [name: string, packet: Buffer, code?: number][] = [
    ['[MQTT-3.1.2-30] SUBSCRIBE', p.subscribe(1, [['cell/#', 0]]), 0x82],
    ['[MQTT-3.1.2-30] PUBLISH', p.publish('cell/a'), 0x82],
    ['[MQTT-3.1.2-30] PINGREQ', Buffer.from([0xc0, 0]), 0x82],
    ['[MQTT-3.1.2-30] another CONNECT', p.connect({ properties: of() }), 0x82],
    ['[MQTT-4.12.0-5] AUTH with another method', p.auth(CONTINUE, of(undefined, 'X')), 0x82],
    ['AUTH 0x19', p.auth(AGAIN, of()), 0x82],
    ['[MQTT-3.15.2-1] AUTH 0x00', p.auth(0, of()), 0x82],
    ['[MQTT-3.15.2-1] an AUTH without a code', p.auth(), 0x82],
    ['an AUTH without a method', p.auth(CONTINUE, []), 0x82],
    ['[MQTT-3.15.1-1] an AUTH with flags', Buffer.from([0xf1, 0]), 0x81],
    ['AUTH with a method twice', p.auth(CONTINUE, [...of(), ...of()]), 0x82],
    ['AUTH of ten thousand bytes', p.auth(CONTINUE, of(Buffer.alloc(10_000))), 0x95],
    ['an AUTH whose data is empty', p.auth(CONTINUE, of(Buffer.alloc(0))), 0x87],
    ['DISCONNECT', p.disconnect()],
  ];
  test(`during a login: ${DURING_LOGIN.map(([name]) => name).join(', ')}`, async () => {
    const broker = await start();
    for (const [name, packet, code] of DURING_LOGIN) {
      const client = await broker.open();
      await challenged(client, new ScramClient('hmi', 'hmi-secret'));
      client.send(packet);
      if (code !== undefined) expect((await client.next('connack')).code, name).toBe(code);
      await client.raw.closed();
      expect(broker.broker.sessions).toEqual([]);
    }
  });

  test('packets that came with the CONNECT', async () => {
    const broker = await start();
    const client = await broker.open();
    const login = new ScramClient('hmi', 'hmi-secret');
    client.send(p.connect({ properties: of(login.first) }), p.publish('cell/a', 'early'));
    await client.next('auth');
    expect((await client.next('connack')).code).toBe(0x82);
    await client.raw.closed();
  });

  test.each([
    ['[MQTT-4.12.1-1] another method', p.auth(AGAIN, of(undefined, 'SCRAM-SHA-1')), 0x82],
    ['AUTH 0x18 without a login', p.auth(CONTINUE, of(Buffer.from('x'))), 0x82],
    ['another user', p.auth(AGAIN, of(new ScramClient('plc', 'x').first)), 0x87],
    ['channel binding', p.auth(AGAIN, of(new ScramClient('hmi', 'x', 'p=x,,').first)), 0x87],
  ])('on an open connection: %s', async (_name, packet, code) => {
    const broker = await start();
    const client = await loggedIn(broker);
    client.send(packet);
    await client.ended(code);
  });

  test('on an open connection: a second login during a second one', async () => {
    const broker = await start();
    const client = await loggedIn(broker);
    client.send(p.auth(AGAIN, of(new ScramClient('hmi', 'hmi-secret').first)));
    await client.next('auth');
    client.send(p.auth(AGAIN, of(new ScramClient('hmi', 'hmi-secret').first)));
    await client.ended(0x82);
  });

  test('[MQTT-4.12.0-6] [MQTT-4.12.0-7] T42 AUTH on a connection whose CONNECT has no method', async () => {
    const broker = await start();
    const client = await broker.open();
    await client.connect({ username: 'hmi', password: 'hmi-secret' });
    expect(p.valueIn(client.connack, 'authenticationMethod')).toBeUndefined();
    client.send(p.auth(AGAIN, of(new ScramClient('hmi', 'hmi-secret').first)));
    await client.ended(0x82);
  });

  test('a client that takes no packet of the size of the challenge', async () => {
    const broker = await start();
    const client = await broker.open();
    const { first } = new ScramClient('hmi', 'hmi-secret');
    client.send(p.connect({ properties: [...of(first), ['maximumPacketSize', 50]] }));
    expect((await client.next('connack')).code).toBe(0x95);
    await client.raw.closed();
  });
});

describe('a login that is not finished', () => {
  test('ends in time, also where its bytes arrive one by one', async () => {
    const broker = await start({ connectTimeout: 1000 });
    const client = await broker.open();
    const login = new ScramClient('hmi', 'hmi-secret');
    const final = p.auth(CONTINUE, of(login.final(await challenged(client, login))));
    let sent = 0;
    const drip = setInterval(() => client.send(final.subarray(sent, ++sent)), 100);
    const connack = await client.next('connack').finally(() => clearInterval(drip));
    expect(connack.code).toBe(0x87);
    expect(p.valueIn(connack, 'reasonString')).toContain('not finished in time');
    expect(sent).toBeLessThan(final.length);
    await client.raw.gone();
  });

  test('counts as a connection without a CONNECT: others get its room', async () => {
    const broker = await start({ connecting: 2, connectTimeout: 60_000 });
    const first = await broker.open();
    await challenged(first, new ScramClient('hmi', 'x'));
    const second = await broker.open();
    await challenged(second, new ScramClient('hmi', 'x'));
    await waitFor(async () => {
      await loggedIn(broker);
      expect(first.raw.state).not.toBe('open');
    });
    const connack = await first.next('connack');
    expect(connack.code).toBe(0x89);
    expect(p.valueIn(connack, 'reasonString')).toContain('others need the room');
  });
});

test('a client that has logged in with SCRAM is disconnected when its keys change, and comes back with its session', async () => {
  const broker = await start();
  const options: p.ConnectOptions5 = { clientId: 'c', clean: false };
  const client = await loggedIn(broker, options);
  const other = await loggedIn(broker, {}, 'plc');
  broker.put(RULES.replace(scram, await scramKeysOf('another-one')));
  await client.ended(0x87);
  expect((await refusal(broker, 'hmi', 'hmi-secret')).code).toBe(0x86);
  const again = await broker.open();
  const connack = await logIn(again, new ScramClient('hmi', 'another-one'), options);
  expect(connack.code).toBe(0);
  await other.quiet();
});
