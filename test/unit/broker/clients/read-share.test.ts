import { expect, test } from 'vitest';
import { TurnBudget } from '../../../../src/base/turn-budget.ts';
import { Connection } from '../../../../src/broker/clients/connection.ts';
import type { Publication } from '../../../../src/broker/messages/publication.ts';
import { connectionParts } from '../../../support/connection-parts.ts';
import { FakeHandler } from '../../../support/fake-handler.ts';
import { FakeTransport } from '../../../support/fake-transport.ts';
import * as packets from '../../../support/packets.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** TurnBudget on a clock that each packet advances by a millisecond, and the order in which packets were taken. */
function setUp() {
  let now = 0;
  const turnBudget = new TurnBudget(() => now);
  const taken: string[] = [];
  const handler = new FakeHandler();
  const messages = {
    publish(_connection: Connection, { source, payloadStart, end }: Publication) {
      now++;
      taken.push(source.toString('utf8', payloadStart, end));
    },
    release: () => undefined,
  };
  const parts = connectionParts({ ...handler.handlers, messages }, { readBudget: turnBudget });
  const connecting = () => {
    const transport = new FakeTransport();
    return { connection: new Connection(transport, parts), transport };
  };
  const open = () => {
    const { connection, transport } = connecting();
    connection.data(packets.connect());
    connection.open({ connect: () => undefined, drained: () => undefined } as never);
    return { connection, transport };
  };
  const burst = (name: string, count: number): Buffer =>
    Buffer.concat(Array.from({ length: count }, () => packets.publish('t', name)));
  return { turnBudget, taken, open, connecting, burst };
}

test('a burst of one client is taken in several turnBudget, complete and in order', async () => {
  const { taken, open, burst } = setUp();
  const { connection, transport } = open();
  await turn();
  connection.data(burst('a', 200));
  expect(taken.length).toBeLessThan(70);
  expect(transport.paused).toBe(true);
  let turns = 0;
  while (taken.length < 200 && turns++ < 20) await turn();
  expect(taken).toHaveLength(200);
  expect(turns).toBeGreaterThan(2);
  await turn();
  expect(transport.paused).toBe(false);
});

test('acknowledgements do not wait behind the packets of another client, up to a number', async () => {
  const { taken, open, burst } = setUp();
  const [greedy, reader] = [open(), open()];
  const acknowledged: number[] = [];
  Object.assign(reader.connection.session!, {
    acknowledged: (id: number) => acknowledged.push(id),
  });
  await turn();
  greedy.connection.data(burst('a', 200));
  expect(taken.length).toBeLessThan(70);
  const acks = (count: number) =>
    Buffer.concat(Array.from({ length: count }, (_, i) => packets.puback(i + 1)));
  reader.connection.data(acks(1000));
  expect(acknowledged).toHaveLength(1000);
  expect(reader.transport.paused).toBe(false);
  reader.connection.data(acks(2000));
  expect(acknowledged.length).toBeLessThan(2100);
  expect(reader.transport.paused).toBe(true);
  for (let i = 0; i < 20; i++) await turn();
  expect(acknowledged).toHaveLength(3000);
});

test('another client has its turn between the parts of a burst', async () => {
  const { taken, open, burst } = setUp();
  const [greedy, modest] = [open(), open()];
  await turn();
  greedy.connection.data(burst('a', 500));
  modest.connection.data(burst('b', 1));
  await turn();
  await turn();
  await turn();
  expect(taken).toContain('b');
  expect(taken.indexOf('b')).toBeLessThan(150);
  for (let i = 0; i < 40; i++) await turn();
  expect(taken).toHaveLength(501);
});

test('a connection that is closed while it waits takes nothing more', async () => {
  const { taken, open, burst } = setUp();
  const { connection } = open();
  await turn();
  connection.data(burst('a', 200));
  const { length } = taken;
  connection.close('test');
  for (let i = 0; i < 10; i++) await turn();
  expect(taken).toHaveLength(length);
});

test('packets that a connection has sent before it was lost are taken', async () => {
  const { taken, open, burst } = setUp();
  const { connection } = open();
  await turn();
  connection.data(burst('a', 200));
  expect(taken.length).toBeLessThan(200);
  connection.lost();
  expect(connection.closed).toBe(false);
  expect(taken.length).toBeLessThan(200);
  for (let i = 0; i < 10; i++) await turn();
  expect(taken).toHaveLength(200);
  expect(connection.closed).toBe(true);
});

test('a connection that was lost before its CONNECT had its turn waits for CONNACK with what follows', async () => {
  const { taken, open, connecting, burst } = setUp();
  const { connection: greedy } = open();
  await turn();
  greedy.data(burst('a', 200));
  const { connection } = connecting();
  connection.data(Buffer.concat([packets.connect(), burst('b', 1)]));
  connection.lost();
  for (let i = 0; i < 20; i++) await turn();
  expect([taken.includes('b'), connection.closed]).toEqual([false, false]);
  connection.open({ connect: () => undefined, drained: () => undefined } as never);
  expect([taken.includes('b'), connection.closed]).toEqual([true, true]);
});

test('a connection that waits for its turn is not silent', async () => {
  const { open, burst } = setUp();
  const { connection } = open();
  await turn();
  connection.life.silenceLimitMs = 1;
  connection.data(burst('a', 200));
  expect(connection.overdue).toBe(false);
});
