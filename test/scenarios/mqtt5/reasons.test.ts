import { describe, expect, test } from 'vitest';
import { hashPassword } from '../../../src/access/passwords.ts';
import { startAccessBroker } from '../../support/access-broker.ts';
import type { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';

const password = await hashPassword('hmi-secret');
const USER = { username: 'hmi', password: 'hmi-secret' };
const RULES = `
users:
  - name: hmi
    password: ${password}
    rules: [{ topic: 'cell/#', allow: readwrite }, { topic: 'response/%c/#', allow: read }]
  - { name: all, password: ${password} }
`;
const NOT_ALLOWED = 'not allowed by the access file';

const reasonOf = (packet: p.Packet5) => p.valueIn(packet, 'reasonString');

/** The texts of the answers to what the client may not do. */
async function reasons(client: Client5) {
  client.send(
    p.subscribe(1, [
      ['cell/#', 1],
      ['other', 1],
      ['another', 1],
    ]),
    p.publish('other', '', { qos: 1, id: 2 }),
    p.publish('other', '', { qos: 2, id: 3 }),
    p.publish('$SYS/x', '', { qos: 1, id: 4 }),
  );
  const [suback, ...acks] = [
    await client.next('suback'),
    await client.next('puback'),
    await client.next('pubrec'),
    await client.next('puback'),
  ];
  expect(suback.codes).toEqual([1, 0x87, 0x87]);
  expect(acks.map(({ id, code }) => [id, code])).toEqual([
    [2, 0x87],
    [3, 0x87],
    [4, 0x87],
  ]);
  return [suback, ...acks].map(reasonOf);
}

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  test('SUBACK, PUBACK and PUBREC say why the client may not do something, in the order of its packets', async () => {
    const broker = await startAccessBroker(RULES);
    const client = await (await broker.open(transport)).connect(USER);
    const expected = [NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED, 'a topic of the gateway itself'];
    expect(await reasons(client)).toEqual(expected);
    const asking = await (await broker.open(transport)).connect({
      ...USER,
      properties: [['requestProblemInformation', 1]],
    });
    expect(await reasons(asking)).toEqual(expected);
  });

  test('[MQTT-3.1.2-29] a client with Request Problem Information 0 gets reason strings only in CONNACK and DISCONNECT', async () => {
    const broker = await startAccessBroker(RULES);
    const properties: p.Properties = [['requestProblemInformation', 0]];
    const client = await (await broker.open(transport)).connect({ ...USER, properties });
    expect(await reasons(client)).toEqual(Array(4).fill(undefined));
    client.send(p.publish('a\u0001b'));
    expect(reasonOf(await client.ended(0x81))).toBeDefined();
    const refused = await broker.open(transport);
    refused.send(p.connect({ ...USER, password: 'wrong', properties }));
    expect(reasonOf(await refused.next('connack'))).toBe('wrong user or password: "hmi"');
  });

  test.each(['connack', 'suback', 'puback', 'pubrec'] as const)(
    '[MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1] T14 %s has no reason string where the client takes no packet of that size',
    async (type) => {
      const broker = await startAccessBroker(RULES);
      const answer = async (maximumPacketSize: number) => {
        const client = await broker.open(transport);
        const properties: p.Properties = [['maximumPacketSize', maximumPacketSize]];
        if (type === 'connack') {
          client.send(p.connect({ username: 'x', password: 'x', properties }));
        } else {
          await client.connect({ ...USER, clientId: 'c', properties });
          if (type === 'suback') client.send(p.subscribe(1, [['other', 0]]));
          else client.send(p.publish('other', '', { qos: type === 'puback' ? 1 : 2 }));
        }
        return client.next(type);
      };
      const whole = await answer(1000);
      expect(reasonOf(whole)).toBeDefined();
      const { length } = whole.raw;
      expect((await answer(length)).raw.toString('hex')).toBe(whole.raw.toString('hex'));
      const short = await answer(length - 1);
      expect(short.properties).toEqual([]);
      expect(short.code ?? short.codes).toEqual(whole.code ?? whole.codes);
    },
  );

  test('[MQTT-3.1.2-24] a client that takes no packet of the size of any CONNACK gets none, and the connection ends', async () => {
    const broker = await startAccessBroker(RULES);
    for (const [username, size] of [
      ['hmi', 4],
      ['stranger', 4],
      ['stranger', 1],
    ] as const) {
      const client = await broker.open(transport);
      client.send(p.connect({ ...USER, username, properties: [['maximumPacketSize', size]] }));
      await client.raw.closed();
    }
  });

  test('[MQTT-3.2.2-19] a CONNECT that is refused before it is read to its end gets no text: the largest packet of its client is unknown', async () => {
    const broker = await startAccessBroker(RULES);
    const client = await broker.open(transport);
    client.send(
      p.connect({
        properties: [
          ['maximumPacketSize', 10],
          ['receiveMaximum', 0],
        ],
      }),
    );
    expect(await client.next('connack')).toMatchObject({ code: 0x82, properties: [] });
    await client.raw.closed();
  });

  test('[MQTT-3.1.3-8] [MQTT-3.1.4-2] [MQTT-3.2.2-8] a client that is not let in gets a code of the list, then the end of its connection', async () => {
    const broker = await startAccessBroker(RULES);
    const owner = await (await broker.open(transport)).connect({
      ...USER,
      clientId: 'panel',
      properties: [['sessionExpiry', 60]],
    });
    const will = { topic: 'other', payload: 'x' };
    const refused: readonly (readonly [code: number, options: p.ConnectOptions5])[] = [
      [0x85, { ...USER, username: 'all', clientId: 'panel', clean: false }],
      [0x86, { ...USER, password: 'wrong' }],
      [0x86, { username: 'stranger', password: 'x' }],
      [0x87, {}],
      [0x87, { ...USER, will }],
      [0x8c, { ...USER, properties: [['authenticationMethod', 'X']] }],
    ];
    for (const [code, options] of refused) {
      const client = await broker.open(transport);
      client.send(p.connect(options), p.publish('cell/a', 'never'));
      expect(await client.next('connack')).toMatchObject({ code, sessionPresent: false });
      await client.raw.closed();
    }
    await owner.quiet();
  });

  test('[MQTT-3.14.2-3] DISCONNECT has no reason string where the client takes no packet of that size', async () => {
    const broker = await startAccessBroker(RULES);
    const end = async (maximumPacketSize: number) => {
      const client = await broker.open(transport);
      await client.connect({ ...USER, properties: [['maximumPacketSize', maximumPacketSize]] });
      client.send(p.publish('a\u0001b'));
      return client.ended(0x81);
    };
    const whole = await end(1000);
    expect(reasonOf(whole)).toBeDefined();
    const { length } = whole.raw;
    expect((await end(length)).raw.toString('hex')).toBe(whole.raw.toString('hex'));
    expect((await end(length - 1)).properties).toEqual([]);
  });

  test('[MQTT-4.3.3-9] after a PUBREC that refuses a message its identifier means a new one', async () => {
    const broker = await startAccessBroker(RULES);
    const subscriber = await (await broker.open(transport)).connect(USER);
    await subscriber.subscribe([['cell/#', 2]]);
    const client = await (await broker.open(transport)).connect(USER);
    for (const payload of ['first', 'second']) {
      client.send(p.publish('other', payload, { qos: 2, id: 5 }));
      expect(await client.next('pubrec')).toMatchObject({ id: 5, code: 0x87 });
      expect(await client.publish('cell/a', payload, { qos: 2, id: 5 })).toBe(0);
      expect(await subscriber.message()).toMatchObject({ topic: 'cell/a', payload });
    }
  });

  test('[MQTT-4.6.0-2] a refusal with a text waits for the acknowledgements before it', async () => {
    const broker = await startAccessBroker(RULES);
    const client = await (await broker.open(transport)).connect(USER);
    client.send(
      p.publish('cell/a', 'on disk first', { qos: 1, id: 1, retain: true }),
      p.publish('other', '', { qos: 1, id: 2 }),
    );
    expect(await client.next('puback')).toMatchObject({ id: 1 });
    const refused = await client.next('puback');
    expect([refused.id, reasonOf(refused)]).toEqual([2, NOT_ALLOWED]);
  });

  test('a refused message at QoS 1 or 2 gives its place in the receive maximum back', async () => {
    const broker = await startAccessBroker(RULES, { receiveMaximum: 1 });
    const client = await (await broker.open(transport)).connect(USER);
    for (const qos of [1, 2, 1, 2]) expect(await client.publish('other', '', { qos })).toBe(0x87);
    expect(await client.publish('cell/a', '', { qos: 1 })).toBe(0x10);
  });

  test('[MQTT-3.1.2-28] T41 a client that asks for response information gets a topic that it may subscribe to', async () => {
    const broker = await startAccessBroker(RULES);
    const informed = async (
      value: number | undefined,
      clientId: string,
      user = 'hmi',
    ): Promise<unknown> => {
      const client = await broker.open(transport);
      const properties: p.Properties =
        value === undefined ? [] : [['requestResponseInformation', value]];
      await client.connect({ ...USER, username: user, clientId, properties });
      return p.valueIn(client.connack, 'responseInformation');
    };
    expect(await informed(1, 'panel1')).toBe('response/panel1');
    expect(await informed(1, 'panel1', 'hmi')).toBe('response/panel1');
    expect(await informed(1, 'panel2', 'all')).toBe('response/panel2');
    expect(await informed(0, 'panel1')).toBeUndefined();
    expect(await informed(undefined, 'panel1')).toBeUndefined();
    expect(await informed(1, 'a/b', 'all')).toBeUndefined();
    expect(await informed(1, '+', 'all')).toBeUndefined();
    expect(await informed(1, '', 'all')).toMatch(/^response\/auto-/);
  });
});

test('response information is a topic that the access rules do not allow: none is given', async () => {
  const broker = await startAccessBroker(RULES.replace('response/%c/#', 'other/#'));
  const client = await broker.open();
  await client.connect({ ...USER, clientId: 'c', properties: [['requestResponseInformation', 1]] });
  expect(p.valueIn(client.connack, 'responseInformation')).toBeUndefined();
});
