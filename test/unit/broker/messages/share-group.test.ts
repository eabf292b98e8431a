import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { FakeTransport } from '../../../support/fake-transport.ts';
import { MemoryDisk } from '../../../support/memory-disk.ts';
import * as packets from '../../../support/packets.ts';
import { TestPlane } from '../../../support/plane.ts';
import { waitFor } from '../../../support/wait-for.ts';

const FILTER = '$share/g/t';

const settle = async (disk: MemoryDisk): Promise<void> => {
  for (let i = 0; i < 30; i++) {
    disk.land();
    await turn();
  }
};

/** What a client was sent as PUBLISH, with the DUP flag. */
const arrivals = (transport: FakeTransport) =>
  new packets.PacketReader()
    .push(Buffer.concat(transport.written))
    .flatMap((each) =>
      each.type === 'publish' ? [`${each.payload}${each.dup ? ' dup' : ''}`] : [],
    );

function setUp(inflight = 4) {
  const disk = new MemoryDisk();
  const made = new TestPlane(disk, { inflight });
  const join = (clientId: string, clean: boolean, qos: 0 | 1 | 2 = 1) => {
    const client = made.open(clientId, clean);
    client.connection.data(packets.subscribe(1, [[FILTER, qos]]));
    return client;
  };
  const publisher = made.open('publisher', true).connection;
  let id = 0;
  const publish = (...payloads: string[]) => {
    for (const payload of payloads) {
      publisher.data(packets.publish('t', payload, { qos: 1, id: ++id }));
    }
  };
  const publish2 = (payload: string) => {
    const { connection } = made.open('publisher2', false);
    connection.data(packets.publish('t', payload, { qos: 2, id: 1 }));
  };
  const open = made.open.bind(made);
  return { ...made, plane: made.plane, disk, open, join, publish, publish2 };
}

describe('a message of a group', () => {
  test('goes in turn to the members that can be sent it', async () => {
    const { join, publish, disk } = setUp();
    const members = ['a', 'b', 'c'].map((name) => join(name, true));
    publish('1', '2', '3', '4');
    await settle(disk);
    expect(members.map(({ transport }) => arrivals(transport))).toEqual([['1', '4'], ['2'], ['3']]);
  });

  test('is kept by an absent member only where no connected one has room', async () => {
    const { join, publish, disk, plane } = setUp();
    const away = join('away', false);
    await settle(disk);
    away.connection.lost();
    const here = join('here', true);
    publish('1', '2');
    await settle(disk);
    expect(arrivals(here.transport)).toEqual(['1', '2']);
    here.connection.lost();
    publish('3');
    await settle(disk);
    expect(plane.sessions.byClientId.get('away')!.queue.count).toBe(3);
  });

  test('of a clean session is on disk where another member has a session that is kept', async () => {
    const { join, publish, disk, plane } = setUp();
    const clean = join('clean', true);
    expect(plane.sessions.byClientId.get('clean')!.persistent).toBe(false);
    join('kept', false);
    expect(plane.sessions.byClientId.get('clean')!.persistent).toBe(true);
    publish('1');
    const stored = () => [...disk.sessions].find(([, { clientId }]) => clientId === 'clean');
    await waitFor(async () => {
      await settle(disk);
      expect(disk.queues.get(stored()?.[0] ?? 0)?.size).toBe(1);
    });
    expect(arrivals(clean.transport)).toEqual(['1']);
  });
});

test('what an absent member has is deleted there in the commit that has it at another member', async () => {
  const { join, publish, disk, plane } = setUp(100);
  const away = join('away', false);
  await settle(disk);
  away.connection.lost();
  publish('1', '2', '3');
  await settle(disk);
  const here = join('here', false);
  const rowsOf = (clientId: string) =>
    disk.queues.get(plane.sessions.byClientId.get(clientId)!.key)?.size ?? 0;
  for (let i = 0; i < 30; i++) {
    disk.land();
    expect(rowsOf('away') + rowsOf('here')).toBe(3);
    await turn();
  }
  expect(rowsOf('away')).toBe(0);
  expect(arrivals(here.transport)).toEqual(['1', '2', '3']);
});

test('the queue of a session that ends is with another member in the commit that deletes it', async () => {
  const { join, publish, disk, plane } = setUp();
  const leaves = join('leaves', false);
  const stays = join('stays', false);
  await settle(disk);
  stays.connection.lost();
  publish('1', '2', '3', '4', '5', '6');
  const rows = () => [...disk.queues.values()].reduce((sum, queue) => sum + queue.size, 0);
  await waitFor(async () => {
    await settle(disk);
    expect(rows()).toBe(6);
  });
  const session = plane.sessions.byClientId.get('leaves')!;
  leaves.connection.lost();
  plane.sessions.endSession(session);
  for (let i = 0; i < 30; i++) {
    disk.land();
    // However far it is: nothing is there twice, and nothing is missing.
    expect(rows()).toBe(6);
    await turn();
  }
  expect(session.ended).toBe(true);
  expect(disk.queues.get(session.key)?.size ?? 0).toBe(0);
  expect(plane.sessions.byClientId.get('stays')!.queue.count).toBe(6);
});

test('a message of QoS 2 is sent at QoS 0 when its publisher can not repeat it', async () => {
  const { join, publish2, disk } = setUp();
  join('kept', false).connection.lost();
  const other = join('other', false, 0);
  await settle(disk);
  publish2('1');
  await turn();
  expect(arrivals(other.transport)).toEqual([]);
  await settle(disk);
  expect(arrivals(other.transport)).toEqual(['1']);
});

describe('a member of two groups that does not acknowledge', () => {
  const GROUPS = ['$share/a/t', '$share/b/t'] as const;

  /** It has the messages of both groups in its queue; the other member of `a` does not acknowledge either. */
  async function frozen(clean: boolean, inflight = 2) {
    const made = setUp(inflight);
    const subscribe = (clientId: string, filters: readonly string[], isClean = false) => {
      const client = made.open(clientId, isClean);
      client.connection.data(
        packets.subscribe(
          1,
          filters.map((filter) => [filter, 1]),
        ),
      );
      return client;
    };
    const both = subscribe('both', GROUPS, clean);
    await settle(made.disk);
    const payloads = Array.from({ length: 20 }, (_, i) => String(i));
    made.publish(...payloads);
    await settle(made.disk);
    const stuck = subscribe('stuck', [GROUPS[0]]);
    // More than it takes ahead from a session that has ended.
    await settle(made.disk);
    return { ...made, both, stuck, payloads, subscribe };
  }

  /** All that comes to a client that acknowledges. */
  async function readAll(
    {
      connection,
      transport,
    }: { connection: { data(bytes: Buffer): void }; transport: FakeTransport },
    disk: MemoryDisk,
    sweep: () => void,
  ): Promise<string[]> {
    let answered = 0;
    for (let round = 0; round < 40; round++) {
      sweep();
      await settle(disk);
      const all = new packets.PacketReader()
        .push(Buffer.concat(transport.written))
        .filter((each) => each.type === 'publish');
      for (const { id } of all.slice(answered)) connection.data(packets.puback(id));
      answered = all.length;
    }
    return arrivals(transport);
  }

  test('holds up only the group whose other members have enough', async () => {
    const { plane, disk, subscribe } = await frozen(false);
    const reads = subscribe('reads', [GROUPS[1]]);
    const all = await readAll(reads, disk, () => plane.sessions.shares.sweep());
    // One of each group is in flight to the frozen member.
    expect(all).toHaveLength(19);
    expect(all).toEqual(all.toSorted((a, b) => Number(a) - Number(b)));
  });

  test('leaves the messages of that group to other members also when its session ends', async () => {
    const { plane, disk, both, subscribe, stuck } = await frozen(true);
    const reads = subscribe('reads', [GROUPS[1]]);
    both.connection.lost();
    const sweep = () => plane.sessions.shares.sweep();
    const all = await readAll(reads, disk, sweep);
    expect(all.filter((each) => !each.endsWith(' dup'))).toHaveLength(19);
    expect(all).toHaveLength(20);
    const others = await readAll(stuck, disk, sweep);
    expect(others).toHaveLength(20);
    expect([...plane.sessions.byClientId.keys()]).not.toContain('both');
  });

  test('gives its other messages too, when the members of that group take them again', async () => {
    const { plane, disk, stuck } = await frozen(false);
    const sweep = () => plane.sessions.shares.sweep();
    sweep();
    await settle(disk);
    const all = await readAll(stuck, disk, sweep);
    expect(all).toEqual(all.toSorted((a, b) => Number(a) - Number(b)));
    expect(all).toHaveLength(19);
  });
});
