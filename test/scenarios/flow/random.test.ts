import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type TestGateway } from '../../support/gateway.ts';
import type { Qos } from '../../support/packets.ts';
import { createRandom } from '../../support/random.ts';
import { until } from '../../support/until.ts';
import { Peer, type PeerOptions, type Reading } from './peer.ts';

/** Another seed every day, the same all day. */
const SEED = Number(process.env.FLOW_SEED ?? Math.floor(Date.now() / 86_400_000));
/** How long the publishers publish. */
const LOAD_MS = Number(process.env.FLOW_MS ?? 6000);
/** The bound of a hold is 3 s; the rest is for a busy machine, on which the clients run too. */
const LONGEST_WAIT_MS = 20_000;

let gateway: TestGateway;

beforeAll(async () => {
  // With the limits that users run.
  gateway = await startGateway();
});
afterAll(() => gateway?.dispose());

test('whatever clients join, stall, crawl, resume and leave: who reads has everything, and nobody hangs', {
  timeout: LOAD_MS + 180_000,
}, async () => {
  console.log(`seed ${SEED} (FLOW_SEED)`);
  const random = createRandom(SEED);
  const { port } = gateway;
  const peers: Peer[] = [];
  const join = async (options: PeerOptions): Promise<Peer> => {
    const peer = await Peer.open(port, options);
    peers.push(peer);
    return peer;
  };
  const qosOf = (): Qos => random.pick([0, 1, 1, 2]);
  const publishing = (topic: string, qos = qosOf()) => ({
    topic,
    qos,
    window: random.pick([1, 20, 100, 1000]),
    size: random.pick([8, 128, 128, 4000]),
  });
  const none = { clean: true, subscribe: [], reading: 'reads' as const };

  // Subscribers of every kind on the topics a/0 to a/3.
  const readings: Reading[] = ['reads', 'reads', 'reads', 'stalls', 'crawls', 'freezes'];
  for (const [i, reading] of readings.entries()) {
    const filter = random.pick(['a/#', `a/${i % 4}`]);
    const subscribe = [[filter, qosOf()]] as const;
    await join({ clientId: `s${i}`, clean: random.next() < 0.5, subscribe, reading });
  }
  // Two that publish to each other, and one that publishes to itself.
  const both = { clean: true, reading: 'reads' as const };
  const window = random.pick([20, 200, 1000]);
  for (const [own, other] of ['xy', 'yx', 'zz'] as const) {
    const publish = { topic: own!, qos: random.pick([1, 2] as const), window, size: 128 };
    await join({ ...both, clientId: `loop-${own}`, subscribe: [[other!, 2]], publish });
  }
  for (let i = 0; i < 4; i++) {
    await join({ ...none, clientId: `p${i}`, publish: publishing(`a/${i}`) });
  }

  const end = performance.now() + LOAD_MS;
  for (const peer of peers) peer.startPublishing();
  for (const peer of peers) if (peer.options.reading === 'freezes') peer.pause();
  let late = 0;
  while (performance.now() < end) {
    const stalling = peers.filter(({ options }) => options.reading === 'stalls');
    for (const peer of stalling) random.pick([() => peer.pause(), () => peer.resume()])();
    if (random.next() < 0.3) {
      const clientId = `late${late++}`;
      const subscribe = [[`a/${random.between(0, 3)}`, qosOf()]] as const;
      const visitor = await Peer.open(port, { clientId, clean: true, subscribe, reading: 'reads' });
      if (random.next() < 0.5) visitor.pause();
      setTimeout(() => visitor.destroy(), random.between(50, 1500)).unref();
    }
    await new Promise((resolve) => setTimeout(resolve, random.between(20, 300)));
  }

  for (const peer of peers) peer.resume();
  await Promise.all(peers.map((peer) => peer.stopPublishing()));
  const publishers = peers.filter(({ options }) => options.publish);
  const totals = new Map(publishers.map(({ options, sent }) => [options.publish!.topic, sent]));
  const readers = peers.filter(({ options }) => options.reading === 'reads');
  const wanted = (peer: Peer): Map<string, number> => {
    const [[filter] = ['']] = peer.options.subscribe;
    const matches = (topic: string) => topic === filter || (filter === 'a/#' && topic[0] === 'a');
    return new Map([...totals].filter(([topic]) => matches(topic)));
  };
  const has = (peer: Peer): Map<string, number> =>
    new Map([...wanted(peer).keys()].map((topic) => [topic, peer.arrivals.get(topic)?.last ?? 0]));
  const summary = (): string =>
    readers.map((peer) => `${peer.options.clientId} ${JSON.stringify([...has(peer)])}`).join('\n');
  await until(
    'all readers have the last messages',
    () =>
      readers.every((peer) => [...wanted(peer)].every(([topic, n]) => has(peer).get(topic) === n)),
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}\nsent ${JSON.stringify([...totals])}\n${summary()}`);
  });
  for (const peer of readers) {
    for (const [topic, sent] of wanted(peer)) {
      const arrivals = peer.arrivals.get(topic);
      const { clientId } = peer.options;
      expect({ clientId, topic, ...arrivals }).toMatchObject({ count: sent, first: 1, faults: [] });
    }
  }
  for (const { options, sent, acknowledged, longestWait } of publishers) {
    expect(sent, options.clientId).toBeGreaterThan(0);
    if (options.publish!.qos > 0) expect(acknowledged, options.clientId).toBe(sent);
    expect(longestWait, options.clientId).toBeLessThan(LONGEST_WAIT_MS);
  }
  expect(peers.filter(({ closed }) => closed)).toEqual([]);
  for (const peer of peers.filter(({ options }) => options.reading !== 'crawls')) await peer.ping();
  const waits = publishers.map(
    ({ options, longestWait }) => `${options.clientId} ${longestWait.toFixed(0)}`,
  );
  console.log(
    `sent ${[...totals.values()].reduce((a, b) => a + b)}, longest waits in ms: ${waits}`,
  );
  for (const peer of peers) peer.destroy();
});
