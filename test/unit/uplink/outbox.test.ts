import { describe, expect, onTestFinished, test } from 'vitest';
import { Publication } from '../../../src/broker/messages/publication.ts';
import { DropCounter } from '../../../src/broker/stats/drop-counter.ts';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { createMessage } from '../../../src/queue/message.ts';
import type { Store } from '../../../src/store/store.ts';
import { Outbox } from '../../../src/uplink/outbox.ts';
import type { PlantTransport } from '../../../src/uplink/plant-transport.ts';
import { Routes } from '../../../src/uplink/routes.ts';
import { storedPrefix } from '../../../src/uplink/uplink-queues.ts';
import { createFaults } from '../../support/faults.ts';
import { createQuietLog } from '../../support/quiet-log.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

const within = 30_000;

function configOf(over: object = {}): UplinkConfig {
  const routes = [{ out: '#', to: 'p/' }];
  const keys = { name: 'plant', url: 'mqtt://plant', routes, ...over };
  return completeUplink(uplinkSchema.parse(keys), 'cell');
}

/** A connection that keeps `topic QoS payload` of each PUBLISH, and the packet identifiers of those of QoS 1 and 2. */
class Plant implements PlantTransport {
  readonly url = 'mqtt://plant';
  readonly receiveMaximum = 65_535;
  readonly maximumPacketSize = Number.POSITIVE_INFINITY;
  readonly maximumQos = 2 as const;
  readonly retainAvailable = true;
  readonly congested = false;
  readonly messages: string[] = [];
  readonly ids: number[] = [];

  /** The packets of these tests have a length of one byte. */
  write(frames: Buffer): void {
    for (let at = 0; at < frames.length; at += 2 + frames[at + 1]!) {
      const frame = frames.subarray(at, at + 2 + frames[at + 1]!);
      const qos = (frame[0]! >> 1) & 3;
      const end = 4 + frame.readUInt16BE(2);
      const payload = frame.subarray(qos > 0 ? end + 2 : end).toString();
      this.messages.push(`${frame.toString('utf8', 4, end)} ${qos} ${payload}`);
      if (qos > 0) this.ids.push(frame.readUInt16BE(end));
    }
  }

  giveUp(): void {}
}

interface Opened {
  readonly outbox: Outbox;
  readonly store: Store;
  /** Publishes on a topic. */
  publish(topic: string, qos?: 0 | 1 | 2, inbound?: boolean): void;
  /** A connection on which all is sent; the plant acknowledges nothing by itself. */
  connect(): Promise<Plant>;
  reconfigure(over: object): void;
  /** What the outbox has said about its queues. */
  readonly problems: readonly string[];
  later(ms: number): void;
  /** How often the flow was looked at. */
  samples(): number;
  close(): Promise<void>;
}

/** An outbox on the store of a folder. */
async function open(over: object = {}, folder = tempFolder()): Promise<Opened> {
  const { store } = await startStore(folder);
  const faults = createFaults();
  let config = configOf(over);
  let routes = new Routes({ ...config, own: ['cell/status'] });
  let [now, samples] = [1_000_000, 0];
  const problems: string[] = [];
  const outbox = new Outbox({
    routing: () => ({ config, routes, properties: undefined }),
    store,
    stored: () =>
      store.recovered.sessions.filter(({ clientId }) =>
        clientId.startsWith(storedPrefix(config.name)),
      ),
    queueProblemChanged: (problem) => void problems.push(problem ?? 'none'),
    drops: new DropCounter(createQuietLog().log),
    faults,
    now: () => now,
    monotonic: () => now,
    undeliveredMs: () => 0,
    flowSampled: () => void samples++,
  });
  outbox.open();
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= Promise.resolve(outbox.close()).then(() => store.stop());
    return closed;
  };
  onTestFinished(close);
  return {
    outbox,
    store,
    publish(topic, qos = 1, inbound = false) {
      const publication = new Publication().of(
        createMessage(topic, Buffer.from('x')),
        topic,
        qos,
        false,
      );
      if (inbound) Object.assign(publication, { inbound });
      outbox.deliver(publication);
    },
    async connect() {
      const plant = new Plant();
      await outbox.sender.connect(plant, true);
      return plant;
    },
    reconfigure(keys) {
      config = configOf(keys);
      routes = new Routes({ ...config, own: ['cell/status'] });
      outbox.reconfigure();
      outbox.configApplied();
    },
    problems,
    later: (ms) => (now += ms),
    samples: () => samples,
    close,
  };
}

const has = (plant: Plant, count: number): Promise<void> =>
  until(`the plant has ${count}`, () => plant.messages.length >= count, within);

describe('a message', () => {
  test('is sent on the topic of its route with the smaller of both QoS, at least 1', async () => {
    const { publish, connect } = await open({
      routes: [
        { out: 'one/#', to: 'p/', qos: 1 },
        { out: 'two/#', to: 'q/', qos: 2 },
        { out: 'zero/#', to: 'r/', qos: 0 },
      ],
    });
    const plant = await connect();
    publish('one/a', 2);
    publish('two/b', 2);
    publish('two/c', 1);
    // Of a reading nothing is known about the QoS that a plant needs: that of the route.
    publish('two/d', 0);
    publish('one/e', 0);
    publish('zero/f', 2);
    publish('other/g');
    await has(plant, 6);
    expect(plant.messages.toSorted()).toEqual([
      'p/one/a 1 x',
      'p/one/e 1 x',
      'q/two/b 2 x',
      'q/two/c 1 x',
      'q/two/d 2 x',
      'r/zero/f 0 x',
    ]);
  });

  test('of a plant is not sent to a plant', async () => {
    const { publish, connect, outbox } = await open();
    const plant = await connect();
    publish('from/plant', 1, true);
    publish('own', 1);
    await has(plant, 1);
    expect([plant.messages, outbox.status.queued]).toEqual([['p/own 1 x'], 1]);
  });

  test('of high priority is sent first, and packet identifiers of two queues differ', async () => {
    const { publish, connect, outbox } = await open({
      routes: [
        { out: '#', to: 'p/' },
        { out: 'alarm/#', to: 'p/', priority: 'high' },
      ],
    });
    publish('slow');
    publish('alarm/fire');
    expect(outbox.status.queued).toBe(2);
    const plant = await connect();
    await has(plant, 2);
    expect(plant.messages).toEqual(['p/alarm/fire 1 x', 'p/slow 1 x']);
    expect(plant.ids).toEqual([2001, 1]);
  });

  test('of a route with its own queue has the bounds of that', async () => {
    const { publish, outbox } = await open({
      routes: [
        { out: '#', to: 'p/' },
        { out: 'own/#', to: 'p/', queue: { messages: 2 } },
      ],
    });
    for (let n = 0; n < 5; n++) for (const topic of ['a', 'own/a']) publish(topic);
    expect([outbox.status.queued, outbox.status.dropped]).toEqual([7, { 'own/# queue-full': 3 }]);
  });

  test('that has no route any more is counted by its topic', async () => {
    const { publish, outbox, reconfigure } = await open({ queue: { messages: 1 } });
    publish('a');
    reconfigure({ queue: { messages: 1 }, routes: [{ out: 'b', to: 'p/' }] });
    publish('b');
    expect(outbox.status.dropped).toEqual({ 'a queue-full': 1 });
  });
});

test('holds no publisher up, however much is queued', async () => {
  const { outbox, publish } = await open();
  for (let n = 0; n < 1100; n++) publish('a');
  expect([outbox.status.queued, outbox.backlogged]).toEqual([1100, undefined]);
});

describe('the status', () => {
  test('counts what waits and what is in flight, and gives the age of the oldest', async () => {
    const { publish, outbox, later, connect } = await open();
    expect(outbox.status).toEqual({
      ...{ queued: 0, bytes: 0, inFlight: 0, oldestAge: null, sent: 0, rate: 0, eta: 0 },
      ...{ dropped: {}, deadLetters: 0 },
    });
    publish('a');
    later(500);
    publish('bb');
    later(200);
    expect(outbox.status).toMatchObject({ queued: 2, bytes: 4 + 5, inFlight: 0, oldestAge: 700 });
    const plant = await connect();
    await has(plant, 2);
    expect(outbox.status).toMatchObject({ queued: 2, bytes: 0, inFlight: 2, oldestAge: 700 });
    outbox.sender.acknowledged(plant.ids[0]!, 0);
    expect(outbox.status).toMatchObject({ queued: 1, inFlight: 1, sent: 1, oldestAge: 200 });
  });

  test('the flow is measured every second, with what arrives', async () => {
    const { publish, later, samples, outbox, connect } = await open();
    const plant = await connect();
    await until('there is a first sample', () => samples() === 1, within);
    for (let n = 0; n < 10; n++) publish('a');
    await has(plant, 10);
    for (const id of plant.ids) outbox.sender.acknowledged(id, 0);
    later(1000);
    await until('there is a second one', () => samples() === 2, within);
    expect([outbox.status.rate, outbox.problem]).toEqual([10, undefined]);
  });

  test('what waits and does not flow is a problem', async () => {
    const { publish, later, samples, outbox, connect } = await open();
    const plant = await connect();
    publish('a');
    await has(plant, 1);
    later(9000);
    await until('the flow was looked at', () => samples() > 0, within);
    // Its bytes move, as the test says: so it is only late.
    expect(outbox.problem?.kind).toBe('late');
  });
});

describe('a message that the plant refuses', () => {
  test('is set aside on disk with its reason', async () => {
    const folder = tempFolder();
    const first = await open({}, folder);
    const plant = await first.connect();
    first.publish('a');
    await has(plant, 1);
    first.outbox.sender.acknowledged(plant.ids[0]!, 0x87);
    const { queued, inFlight, deadLetters, dropped, sent } = first.outbox.status;
    expect([queued, inFlight, deadLetters, sent]).toEqual([0, 0, 1, 0]);
    expect(dropped).toEqual({ '# refused': 1 });
    await first.store.journal.flush();
    await first.close();
    const again = await open({}, folder);
    expect(again.outbox.status.queued).toBe(0);
  });

  test('one of the plant that can not be published here is on disk when that resolves', async () => {
    const { outbox, store } = await open();
    const before = store.journal.counts.commits;
    await outbox.refuseReceived('t', Buffer.from('x'), 'too long');
    expect(store.journal.counts.commits).toBeGreaterThan(before);
    expect([outbox.status.deadLetters, outbox.status.queued]).toEqual([1, 0]);
  });
});

describe('after a restart', () => {
  const routes = [
    { out: '#', to: 'p/' },
    { out: 'alarm/#', to: 'p/', priority: 'high' },
    { out: 'own/#', to: 'p/', queue: { messages: 3 } },
  ];

  test('each queue goes on with its messages, its bounds and its packet identifiers', async () => {
    const folder = tempFolder();
    const first = await open({ routes }, folder);
    for (const topic of ['a', 'own/b', 'alarm/c']) first.publish(topic);
    await first.store.journal.flush();
    await first.close();
    const second = await open({ routes }, folder);
    expect(second.outbox.status.queued).toBe(3);
    for (let n = 0; n < 5; n++) second.publish('own/d');
    const plant = await second.connect();
    // Of the own queue the three newest; its oldest is dropped as soon as it is read.
    await has(plant, 5);
    expect(plant.messages.toSorted()).toEqual([
      'p/a 1 x',
      'p/alarm/c 1 x',
      ...Array.from({ length: 3 }, () => 'p/own/d 1 x'),
    ]);
    expect(plant.ids).toContain(1);
    expect(plant.ids).toContain(2001);
    expect(new Set(plant.ids.map((id) => Math.floor(id / 2000)))).toEqual(new Set([0, 1, 2]));
  });

  test('a queue whose route is gone is emptied too, and a new one gets a place of its own', async () => {
    const folder = tempFolder();
    const first = await open({ routes }, folder);
    first.publish('own/b');
    await first.store.journal.flush();
    await first.close();
    const second = await open(
      { routes: [...routes.slice(0, 2), { out: 'new/#', to: 'p/', queue: { messages: 3 } }] },
      folder,
    );
    second.publish('new/c');
    const plant = await second.connect();
    await has(plant, 2);
    expect(plant.messages.toSorted()).toEqual(['p/new/c 1 x', 'p/own/b 1 x']);
    // The packet identifiers of one are not those of the other.
    expect(plant.ids.map((id) => Math.floor(id / 2000)).toSorted()).toEqual([2, 3]);
  });

  test('a queue of another uplink is left alone', async () => {
    const folder = tempFolder();
    const first = await open({ name: 'plant2' }, folder);
    first.publish('a');
    await first.store.journal.flush();
    await first.close();
    expect((await open({ name: 'plant' }, folder)).outbox.status.queued).toBe(0);
  });
});

describe('another config', () => {
  test('changes the bounds of the queues at once', async () => {
    const { publish, outbox, reconfigure } = await open();
    for (let n = 0; n < 5; n++) publish('a');
    reconfigure({ queue: { messages: 2 } });
    expect([outbox.status.queued, outbox.status.dropped]).toEqual([2, { '# queue-full': 3 }]);
  });

  test('adds the queue of a new route', async () => {
    const { publish, outbox, reconfigure } = await open();
    reconfigure({
      routes: [
        { out: '#', to: 'p/' },
        { out: 'own/#', to: 'p/', queue: { messages: 1 } },
      ],
    });
    for (let n = 0; n < 3; n++) publish('own/a');
    expect(outbox.status.queued).toBe(1);
  });
});

test('while a backlog is sent, new messages go into the live queue, which has its share', async () => {
  const { publish, connect, outbox } = await open({ live: 0.5, inflight: 2 });
  // Without a connection nothing is live.
  for (let n = 0; n < 10; n++) publish('old');
  const plant = await connect();
  await has(plant, 1);
  publish('new');
  for (let n = 0; n < 8; n++) {
    await has(plant, n + 1);
    outbox.sender.acknowledged(plant.ids[n]!, 0);
  }
  await has(plant, 9);
  const place = plant.messages.indexOf('p/new 1 x');
  expect([place > 0, place < 8]).toEqual([true, true]);
  // The third queue; the first ones are the normal and the high one.
  expect(plant.ids[place]).toBe(4001);
});

test('purge discards what is queued, and leaves what is in flight', async () => {
  const { publish, outbox, connect } = await open({ inflight: 3 });
  for (let n = 0; n < 10; n++) publish('a');
  const plant = await connect();
  await has(plant, 2);
  const { inFlight } = outbox.status;
  expect(await outbox.purge(() => undefined)).toBe(10 - inFlight);
  expect(outbox.status.queued).toBe(inFlight);
});

test('what is too old is dropped although nothing is sent', async () => {
  const { publish, outbox, later } = await open({ queue: { age: '1m' } });
  publish('a');
  later(60_001);
  await until('it is dropped', () => outbox.status.queued === 0, within);
  expect(outbox.status.dropped).toEqual({ '# expired': 1 });
});
