import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Connection } from '../../../../src/broker/clients/connection.ts';
import type { FakeTransport } from '../../../support/fake-transport.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A client by the book: it remembers what the standard has it remember, across connections and crashes. */
class Client {
  readonly id: string;
  readonly clean: boolean;
  readonly granted: number;
  /** What the application was given, in order. */
  readonly delivered: string[] = [];
  /** Published and not acknowledged to the end, by packet identifier. */
  readonly open = new Map<number, { payload: string; qos: number; released: boolean }>();
  readonly #received = new Set<number>();
  readonly #unanswered: packets.Packet[] = [];
  #connection: Connection | undefined;
  #transport: FakeTransport | undefined;
  #reader = new packets.PacketReader();
  #lastId = 0;

  constructor(id: string, granted: number, clean = false) {
    this.id = id;
    this.granted = granted;
    this.clean = clean;
  }

  connect(plane: TestPlane): void {
    if (this.#connection) return;
    const { connection, transport } = plane.open(this.id, this.clean);
    this.#connection = connection;
    this.#transport = transport;
    this.#reader = new packets.PacketReader();
    this.#unanswered.length = 0;
    if (this.clean) this.#received.clear();
    if (this.granted >= 0) this.#send(packets.subscribe(60_000, [['t/#', this.granted]]));
    for (const [id, { payload, qos, released }] of this.open) {
      this.#send(
        released
          ? packets.pubrel(id)
          : packets.publish('t/x', payload, { qos, id, dup: true, retain: qos === 1 }),
      );
    }
  }

  disconnect(): void {
    this.#connection?.lost();
    this.forget();
  }

  /** The other side has died. */
  forget(): void {
    this.#connection = undefined;
    this.#transport = undefined;
  }

  publish(payload: string, qos: number): void {
    if (!this.#connection || this.open.size >= 8) return;
    if (qos === 0) return this.#send(packets.publish('t/x', payload));
    do this.#lastId = (this.#lastId % 20) + 1;
    while (this.open.has(this.#lastId));
    this.open.set(this.#lastId, { payload, qos, released: false });
    this.#send(packets.publish('t/x', payload, { qos, id: this.#lastId, retain: qos === 1 }));
  }

  /** Takes what has come and answers up to `count` packets. */
  answer(count: number): void {
    if (this.#transport) this.#unanswered.push(...this.#reader.push(this.#transport.take()));
    for (const packet of this.#unanswered.splice(0, count)) this.#answer(packet);
  }

  #answer(packet: packets.Packet): void {
    switch (packet.type) {
      case 'publish':
        if (packet.retain) return this.#confirm(packet);
        if (packet.qos < 2 || !this.#received.has(packet.id)) this.delivered.push(packet.payload);
        return this.#confirm(packet);
      case 'pubrel':
        this.#received.delete(packet.id);
        return this.#send(packets.pubcomp(packet.id));
      case 'puback':
      case 'pubcomp':
        this.open.delete(packet.id);
        return;
      case 'pubrec': {
        const publication = this.open.get(packet.id);
        if (publication) publication.released = true;
        return this.#send(packets.pubrel(packet.id));
      }
    }
  }

  #confirm({ qos, id }: packets.Publish): void {
    if (qos === 1) this.#send(packets.puback(id));
    if (qos !== 2) return;
    this.#received.add(id);
    this.#send(packets.pubrec(id));
  }

  #send(bytes: Buffer): void {
    this.#connection?.data(bytes);
  }
}

const who = fc.constantFrom('p', 'exact', 'once', 'clean');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ publish: fc.constantFrom(0, 1, 2) }) },
  { weight: 6, arbitrary: fc.record({ answer: who, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 5, arbitrary: fc.constant({ land: true as const }) },
  { weight: 1, arbitrary: fc.constant({ fail: true as const }) },
  { weight: 4, arbitrary: fc.record({ ms: fc.constantFrom(0, 1, 4, 120) }) },
  { weight: 1, arbitrary: fc.record({ disconnect: who }) },
  { weight: 2, arbitrary: fc.record({ connect: who }) },
  { weight: 1, arbitrary: fc.record({ crash: fc.boolean() }) },
);

class World {
  readonly disk = new MemoryDisk();
  plane = new TestPlane(this.disk);
  readonly clients = {
    p: new Client('p', -1),
    exact: new Client('exact', 2),
    once: new Client('once', 1),
    clean: new Client('clean', 2, true),
  };
  /** Payloads that were published at QoS 1 and 2. */
  readonly sent: { payload: string; qos: number }[] = [];
  crashed = false;
  #count = 0;

  async begin(): Promise<void> {
    for (const client of Object.values(this.clients)) client.connect(this.plane);
    await this.quiet();
  }

  async take(made: Parameters<typeof World.prototype.run>[0]): Promise<void> {
    await this.run(made);
    await pass(0);
  }

  async run(made: Record<string, unknown>): Promise<void> {
    const name = Object.keys(made)[0]!;
    const client = this.clients[made[name] as 'p'];
    switch (name) {
      case 'publish': {
        const qos = made.publish as number;
        const payload = `${qos}:${++this.#count}`;
        const before = this.clients.p.open.size;
        this.clients.p.publish(payload, qos);
        if (this.clients.p.open.size > before) this.sent.push({ payload, qos });
        return;
      }
      case 'answer':
        return client.answer(made.count as number);
      case 'land':
        return this.disk.land();
      case 'fail':
        return this.disk.fail();
      case 'ms':
        await pass(made.ms as number);
        return;
      case 'disconnect':
        return client.disconnect();
      case 'connect':
        return client.connect(this.plane);
      case 'crash':
        this.crashed = true;
        vi.clearAllTimers();
        this.disk.crash(made.crash as boolean);
        for (const each of Object.values(this.clients)) each.forget();
        this.plane = new TestPlane(this.disk);
    }
  }

  /** Everybody is there, the disk works and all is answered. */
  async quiet(): Promise<void> {
    for (const client of Object.values(this.clients)) client.connect(this.plane);
    for (let round = 0; round < 60; round++) {
      await pass(round < 5 ? 2500 : 60);
      this.disk.land();
      await pass(1);
      for (const client of Object.values(this.clients)) client.answer(1000);
    }
    await pass(1);
  }
}

test('nothing acknowledged is lost, QoS 2 comes exactly once, and nothing is left over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      vi.clearAllTimers();
      const world = new World();
      await world.begin();
      for (const each of steps) await world.take(each);
      await world.quiet();
      const { p, exact, once } = world.clients;
      expect(p.open.size).toBe(0);
      for (const { payload, qos } of world.sent) {
        const times = exact.delivered.filter((each) => each === payload).length;
        if (qos === 2) expect([payload, times]).toEqual([payload, 1]);
        else expect(times, payload).toBeGreaterThanOrEqual(1);
        expect(once.delivered, payload).toContain(payload);
      }
      for (const { queue, inflight, incoming } of world.plane.plane.sessions.byClientId.values()) {
        expect([queue.count, queue.bytes, inflight, incoming.size]).toEqual([0, 0, 0, 0]);
      }
      expect(world.plane.journal.waiting).toBe(0);
      for (const rows of world.disk.queues.values()) expect([...rows.keys()]).toEqual([]);
      const lastRetained = world.sent.findLast(({ qos }) => qos === 1)?.payload;
      expect(world.disk.retained.get('t/x')?.payload.toString()).toBe(lastRetained);
      if (world.crashed) return;
      for (const qos of [1, 2]) {
        const expected = world.sent
          .filter((each) => each.qos === qos)
          .map(({ payload }) => payload);
        const first = [...new Set(exact.delivered)].filter((each) => each.startsWith(`${qos}:`));
        expect(first).toEqual(expected);
      }
    }),
    { numRuns: 300 },
  );
}, 120_000);
