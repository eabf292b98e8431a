import { describe, expect, test } from 'vitest';
import { createAheadClock } from '../../support/ahead-clock.ts';
import { startBroker } from '../../support/broker.ts';
import { Client5 } from '../../support/client-5.ts';
import * as p from '../../support/packets-5.ts';
import { RawClient } from '../../support/raw-client.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const clock = createAheadClock();

const start = (protocol: 'tcp' | 'ws', folder = tempFolder(), limits = {}) =>
  startBroker(folder, limits, { clock }, protocol, clock, [3, 4, 5]);

const expiry = (seconds: number): p.Properties => [['sessionExpiry', seconds]];

describe.each(['tcp', 'ws'] as const)('over %s', (transport) => {
  test('[MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.2.2-3] T4 T6 a session lives as long as its expiry says, and is present at once after the end of its connection', async () => {
    const broker = await start(transport);
    for (const [properties, present] of [
      [[], false],
      [expiry(0), false],
      [expiry(100), true],
      [expiry(0xffff_ffff), true],
    ] as const) {
      for (const clean of [false, true]) {
        const clientId = `c${JSON.stringify(properties)}${clean}`;
        const first = await broker.client5({ clientId, clean, properties });
        expect(first.connack.sessionPresent).toBe(false);
        await first.subscribe([['t', 1]]);
        first.destroy();
        await until('the connection has ended', () =>
          broker.broker.sessions.every((each) => each.clientId !== clientId || !each.online),
        );
        const again = await broker.client5({ clientId, clean: false, properties });
        expect(again.connack.sessionPresent, clientId).toBe(present);
      }
    }
  });

  test('a session that has expired is not present, whether its client was away or the gateway was off', async () => {
    const folder = tempFolder();
    let broker = await start(transport, folder);
    const leave = async (clientId: string, seconds: number): Promise<void> => {
      const client = await broker.client5({ clientId, properties: expiry(seconds) });
      await client.subscribe([['t', 1]]);
      await client.disconnect();
    };
    await leave('short', 1);
    await leave('long', 60);
    clock.pass(1200);
    const present = async (clientId: string) =>
      (await broker.client5({ clientId, clean: false, properties: expiry(60) })).connack
        .sessionPresent;
    expect(await present('short')).toBe(false);
    await leave('over', 1);
    await broker.stop();
    clock.pass(1200);
    broker = await start(transport, folder);
    expect(await present('over')).toBe(false);
    expect(await present('long')).toBe(true);
  });

  test('the config has the longest expiry, and CONNACK says so', async () => {
    const broker = await start(transport, tempFolder(), { sessionExpiry: 5000 });
    const asked = async (seconds: number) =>
      p.valueIn((await broker.client5({ properties: expiry(seconds) })).connack, 'sessionExpiry');
    expect(await asked(5)).toBeUndefined();
    expect(await asked(6)).toBe(5);
    expect(await asked(0xffff_ffff)).toBe(5);
  });

  test('[MQTT-3.14.2-2] T5 DISCONNECT changes the expiry, but gives none to a session without one', async () => {
    const broker = await start(transport);
    const ended = await broker.client5({ clientId: 'c', properties: expiry(60) });
    await ended.disconnect(0, expiry(0));
    const first = await broker.client5({ clientId: 'c', clean: false });
    expect(first.connack.sessionPresent).toBe(false);
    first.send(p.disconnect(0, expiry(10)));
    await first.ended(0x82);
    const longer = await broker.client5({ clientId: 'd', properties: expiry(1) });
    await longer.disconnect(0, expiry(60));
    clock.pass(1200);
    const again = await broker.client5({ clientId: 'd', clean: false });
    expect(again.connack.sessionPresent).toBe(true);
    // It was resumed without an expiry: it ends with the connection.
    await again.disconnect();
    const last = await broker.client5({ clientId: 'd', clean: false });
    expect(last.connack.sessionPresent).toBe(false);
  });

  test('[MQTT-3.1.3-6] [MQTT-3.1.3-7] T39 a client without an id is given one, by which its session is found', async () => {
    const broker = await start(transport);
    const first = await broker.client5({ clean: false, properties: expiry(60) });
    const clientId = p.valueIn(first.connack, 'assignedClientId') as string;
    expect(clientId).toMatch(/^auto-[0-9a-f-]{36}$/);
    await first.disconnect();
    const again = await broker.client5({ clientId, clean: false, properties: expiry(60) });
    expect(again.connack.sessionPresent).toBe(true);
    expect(p.valueIn(again.connack, 'assignedClientId')).toBeUndefined();
  });

  test('T36 a session passes from MQTT 3.1.1 to 5 and back, with what was queued', async () => {
    const broker = await start(transport);
    const publisher = await broker.client5({ clientId: 'p' });
    const properties: p.Properties = [['contentType', 'a']];
    const old = await broker.client({ clientId: 'c', clean: false });
    await old.subscribe(['t', 1]);
    await old.disconnect();
    await publisher.publish('t', '1', { qos: 1, properties });
    const fresh = await broker.client5({ clientId: 'c', clean: false, properties: expiry(60) });
    expect(fresh.connack.sessionPresent).toBe(true);
    expect(await fresh.message()).toMatchObject({ payload: '1', properties });
    await fresh.subscribe([['u', 1 | p.RETAIN_AS_PUBLISHED]], [['subscriptionIdentifier', 4]]);
    await fresh.disconnect();
    await publisher.publish('u', '2', { qos: 1, properties });
    const back = await broker.client({ clientId: 'c', clean: false });
    expect(back.connack.sessionPresent).toBe(true);
    expect(await back.message()).toMatchObject({ payload: '2', qos: 1 });
  });

  test('[MQTT-3.1.4-3] [MQTT-3.14.4-1] the server says why it closes: taken over, by an administrator, shutting down', async () => {
    const broker = await start(transport);
    const first = await broker.client5({ clientId: 'c' });
    const second = await broker.client5({ clientId: 'c' });
    await first.ended(0x8e);
    const old = await broker.client({ clientId: 'c' });
    await second.ended(0x8e);
    const third = await broker.client5({ clientId: 'c' });
    await old.closed();
    expect(broker.broker.disconnectClient('c')).toBe(true);
    await third.ended(0x98);
    const last = await broker.client5({ clientId: 'c' });
    const stopping = broker.stop();
    await last.ended(0x8b);
    await stopping;
  });

  test('[MQTT-3.1.2-22] T40 a client that is silent for one and a half keep alives gets 0x8D, also with that of the server', async () => {
    const broker = await start(transport, tempFolder(), { longestKeepalive: 1000 });
    for (const keepalive of [0, 1, 60]) {
      const client = await broker.client5({ keepalive });
      const assigned = keepalive === 1 ? undefined : 1;
      expect(p.valueIn(client.connack, 'serverKeepAlive')).toBe(assigned);
      await client.ended(0x8d);
    }
  });

  test('T38 each listener has its versions', async () => {
    const only5 = await startBroker(tempFolder(), {}, {}, transport, undefined, [5]);
    await only5.client5();
    await expect(only5.client()).rejects.toThrow('CONNACK has code 1');
    const only4 = await startBroker(tempFolder(), {}, {}, transport, undefined, [4]);
    await only4.client();
    const refused = await RawClient.open(transport, only4.port);
    refused.send(p.connect());
    expect((await refused.next()).raw.toString('hex')).toBe('20020001');
    await refused.closed();
  });

  test.each([
    ['a malformed CONNECT', p.connect({ flags: 3 }), 0x81],
    ['a protocol error', p.connect({ properties: [['receiveMaximum', 0]] }), 0x82],
    ['an authentication method', p.connect({ properties: [['authenticationMethod', 'X']] }), 0x8c],
    [
      'authentication data without a method',
      p.connect({ properties: [['authenticationData', 'X']] }),
      0x82,
    ],
  ])('T42 %s is answered by a CONNACK with its reason code', async (_name, packet, code) => {
    const broker = await start(transport);
    const client = await Client5.open(transport, broker.port);
    client.send(packet);
    expect(await client.next('connack')).toMatchObject({ sessionPresent: false, code });
    await client.raw.closed();
  });

  test.each([
    ['T31 reserved flags', Buffer.from([0x60, 2, 0, 1]), 0x81],
    ['T31 a second CONNECT', p.connect(), 0x82],
    ['T31 a packet of a server', Buffer.from([0x20, 3, 0, 0, 0]), 0x82],
    [
      'T42 AUTH without a method in the CONNECT',
      p.auth(0x18, [['authenticationMethod', 'X']]),
      0x82,
    ],
    ['T42 an AUTH that is malformed', Buffer.from([0xf1, 0]), 0x81],
    ['T31 a packet above the limit', Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), 0x95],
    ['T31 a length of five bytes', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), 0x81],
    ['T31 a DISCONNECT with a code of servers', p.disconnect(0x8b), 0x82],
    ['T31 PUBACK for QoS 2', p.acknowledge('puback', 1), undefined],
  ])('%s is answered by a DISCONNECT with its reason code', async (_name, packet, code) => {
    const broker = await start(transport);
    const client = await broker.client5({ clientId: 'c' });
    client.send(packet);
    if (code === undefined) await client.quiet();
    else await client.ended(code);
  });

  test('T14 a reason string is left out where the client does not take a packet of its size', async () => {
    const broker = await start(transport);
    const explained = await broker.client5();
    explained.send(p.disconnect(0x8b));
    expect(p.valueIn(await explained.ended(0x82), 'reasonString')).toContain('reason code 139');
    const small = await broker.client5({
      clientId: 'small',
      properties: [['maximumPacketSize', 30]],
    });
    small.send(p.disconnect(0x8b));
    expect((await small.ended(0x82)).properties).toEqual([]);
    const tiny = await Client5.open(transport, broker.port);
    tiny.send(p.connect({ properties: [['maximumPacketSize', 10]] }));
    expect(await tiny.next('connack')).toMatchObject({ code: 0x95 });
    await tiny.raw.closed();
  });
});
