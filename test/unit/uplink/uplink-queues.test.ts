import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Publication } from '../../../src/broker/messages/publication.ts';
import {
  completeUplink,
  type UplinkConfig,
  uplinkSchema,
} from '../../../src/config/schema/uplinks.ts';
import { createMessage } from '../../../src/queue/message.ts';
import { databaseFile } from '../../../src/store/database/data-folder.ts';
import { openConnection } from '../../../src/store/database/database.ts';
import { encodeSegment } from '../../../src/store/database/segment.ts';
import { SegmentTable } from '../../../src/store/database/segment-table.ts';
import type { Store } from '../../../src/store/store.ts';
import { SLOTS } from '../../../src/uplink/queue-slots.ts';
import type { UplinkQueue } from '../../../src/uplink/uplink-queue.ts';
import { UplinkQueues } from '../../../src/uplink/uplink-queues.ts';
import { startStore } from '../../support/store.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';

/** Routes with a separate queue that one config may have. */
const MOST = 28;
const own = (...names: (string | number)[]) =>
  names.map((name) => ({ out: `r${name}/#`, to: 'p/', queue: { messages: 10 } }));
const many = (from: number, count: number) =>
  own(...Array.from({ length: count }, (_, n) => from + n));

function configOf(over: object): UplinkConfig {
  const keys = { name: 'plant', url: 'mqtt://plant', ...over };
  return completeUplink(uplinkSchema.parse(keys), 'cell');
}

interface Opened {
  readonly queues: UplinkQueues;
  readonly store: Store;
  readonly inUse: Set<UplinkQueue>;
  use(over: object): void;
  push(name: string): void;
  /** The names of the queues in memory, in the order of their slots. */
  readonly names: readonly string[];
  /** Ends the run, as a stop does. */
  stop(): Promise<void>;
}

async function open(folder: string, over: object): Promise<Opened> {
  const { store } = await startStore(folder);
  let config = configOf(over);
  const inUse = new Set<UplinkQueue>();
  const queues = new UplinkQueues({
    store,
    now: () => 1_000_000,
    config: () => config,
    inUse: (queue) => inUse.has(queue),
    dropped: () => undefined,
    ready: () => undefined,
    flowing: () => false,
  });
  queues.open(store.recovered.sessions);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= store.stop();
    return stopped;
  };
  onTestFinished(stop);
  return {
    queues,
    store,
    inUse,
    use(keys) {
      config = configOf(keys);
      queues.reconfigure();
      queues.configApplied();
    },
    push(name) {
      const message = createMessage('t', Buffer.from('x'));
      queues.get(name)!.push(new Publication().of(message, 't', 1, false), 1);
    },
    get names() {
      return [...queues.values()].sort((a, b) => a.slot - b.slot).map(({ name }) => name);
    },
    stop,
  };
}

let folder: string;
beforeEach(() => {
  folder = tempFolder();
});

/** Puts a queue with one message on disk. */
function storeQueue(place: string, name: string): void {
  const db = openConnection(databaseFile(place));
  const key = (db.prepare('SELECT max(key) FROM session').pluck().get() as number) + 1;
  db.prepare('INSERT INTO session (key, client_id, seen, sent) VALUES (?, ?, 1, 0)').run(
    key,
    `\0${name}`,
  );
  const { body } = createMessage('t', Buffer.from('x'));
  const entry = { seq: 1, flags: 1, at: 1_000_000, shared: 0, length: body.length, body };
  new SegmentTable(db).insert(key, 1, encodeSegment([entry], 1), false);
  db.close();
}

/** The names on disk, as the next start finds them. */
async function stored(): Promise<string[]> {
  const { store } = await startStore(folder);
  const names = store.recovered.sessions.map(({ clientId }) => clientId.slice(1));
  await store.stop();
  return names.sort();
}

test('a hundred configs with other routes leave nothing in memory or on disk', async () => {
  const { use, stop, queues } = await open(folder, { routes: own('first') });
  for (let n = 0; n < 100; n++) use({ routes: own(`a${n}`, `b${n}`) });
  use({ routes: [{ out: '#', to: 'p/' }] });
  expect([...queues.values()]).toHaveLength(2);
  expect(queues.problem).toBeUndefined();
  await stop();
  expect(await stored()).toEqual(['uplink/plant/0/normal', 'uplink/plant/1/high']);
});

test('a queue with messages, or with some in flight, is kept until it is empty', async () => {
  const opened = await open(folder, { routes: own('a', 'b') });
  const { queues, use, push, inUse } = opened;
  push('route ra/#');
  inUse.add(queues.get('route rb/#')!);
  use({ routes: own('c') });
  expect(opened.names).toEqual(['normal', 'high', 'route ra/#', 'route rb/#', 'route rc/#']);
  inUse.clear();
  queues.tidy();
  expect(opened.names).toEqual(['normal', 'high', 'route ra/#', 'route rc/#']);
  expect(await queues.purge(() => undefined)).toBe(1);
  expect(opened.names).toEqual(['normal', 'high', 'route rc/#']);
});

describe('with more queues than there are slots', () => {
  /** Messages in a queue of each slot that is not one of every uplink. */
  function fill({ use, push }: Opened): void {
    for (let n = 0; n < MOST; n++) push(`route r${n}/#`);
    const more = many(MOST, SLOTS - 2 - MOST);
    use({ routes: more });
    for (const { out } of more) push(`route ${out}`);
  }

  test('routes use the queue of the uplink until there is room', async () => {
    const opened = await open(folder, { routes: many(0, MOST) });
    const { queues, use } = opened;
    fill(opened);
    use({ routes: many(100, 3), live: 0.5 });
    expect(queues.get('route r100/#')).toBeUndefined();
    expect(queues.problem).toBe(
      'it has more than 32 queues, because those of earlier routes are not empty: 4 routes have no separate queue, 0 messages wait for room',
    );
    await queues.purge(() => undefined);
    expect(opened.names).toEqual(
      expect.arrayContaining(['live', 'route r100/#', 'route r101/#', 'route r102/#']),
    );
    expect(queues.problem).toBeUndefined();
  });

  test('a queue on disk waits there, and is read when there is room', async () => {
    const before = await open(folder, { routes: many(0, MOST) });
    fill(before);
    await before.stop();
    // As versions have left it that stored a queue before they checked whether there is room.
    storeQueue(folder, 'uplink/plant/32/route more/#');
    const opened = await open(folder, { routes: [{ out: '#', to: 'p/' }] });
    expect(opened.queues.waiting.messages).toBe(1);
    expect(opened.queues.problem).toMatch(/0 routes .* 1 messages wait for room$/);
    for (const queue of opened.queues.values()) await queue.purge(() => undefined);
    opened.queues.tidy();
    expect([...opened.names].sort()).toEqual(['high', 'normal', 'route more/#']);
    const waited = opened.queues.get('route more/#')!;
    await until('it is read', () => waited.peek() !== undefined);
    expect(opened.queues.problem).toBeUndefined();
  });

  test('purge deletes the queues on disk too', async () => {
    const before = await open(folder, { routes: many(0, MOST) });
    fill(before);
    await before.stop();
    storeQueue(folder, 'uplink/plant/32/route more/#');
    const { queues, stop } = await open(folder, { routes: [{ out: '#', to: 'p/' }] });
    expect(await queues.purge(() => undefined)).toBe(SLOTS - 1);
    await stop();
    expect(await stored()).toEqual(['uplink/plant/0/normal', 'uplink/plant/1/high']);
  });
});

test.each([
  ['no slot', 'uplink/plant/route x/#'],
  ['a slot that is too high', 'uplink/plant/4000000000/route x/#'],
  ['a slot that another one has', 'uplink/plant/0/route x/#'],
  ['a name on two lines', 'uplink/plant/7/route x\n/#'],
  ['nothing but the prefix', 'uplink/plant/'],
  ['a name that is there twice', 'uplink/plant/9/normal'],
])('a stored queue with %s is read, and its message stays', async (_what, name) => {
  const first = await open(folder, { routes: [{ out: '#', to: 'p/' }] });
  first.push('normal');
  await first.stop();
  storeQueue(folder, name);
  const { queues, stop } = await open(folder, { routes: [{ out: '#', to: 'p/' }] });
  const slots = [...queues.values()].map(({ slot }) => slot);
  expect([new Set(slots).size, Math.max(...slots) < SLOTS]).toEqual([3, true]);
  const count = [...queues.values()].reduce((sum, { queue }) => sum + queue.count, 0);
  expect(count).toBe(2);
  await stop();
  // It has a name that fits from then on.
  const again = await open(folder, { routes: [{ out: '#', to: 'p/' }] });
  expect(again.names).toHaveLength(3);
  expect(again.queues.problem).toBeUndefined();
});

test('the next queue of a slot continues the numbers of the one before, also after a restart', async () => {
  const routes = own('a');
  const first = await open(folder, { routes });
  for (let n = 0; n < 5; n++) first.push('route ra/#');
  await first.queues.purge(() => undefined);
  first.use({ routes: [{ out: '#', to: 'p/' }] });
  first.use({ routes: own('b') });
  expect(first.queues.get('route rb/#')?.lastSeq).toBe(5);
  await first.stop();
  const second = await open(folder, { routes: own('b') });
  second.push('route rb/#');
  expect(second.queues.get('route rb/#')?.lastSeq).toBe(6);
});

test('a parked uplink keeps only what has messages', async () => {
  const { queues, push, use } = await open(folder, { routes: own('a') });
  push('route ra/#');
  queues.park();
  expect([...queues.values()].map(({ name }) => name)).toEqual(['route ra/#']);
  expect(queues.isEmpty).toBe(false);
  await queues.purge(() => undefined);
  expect(queues.isEmpty).toBe(true);
  use({ routes: own('a') });
  expect([...queues.values()].map(({ name }) => name)).toEqual(['normal', 'high', 'route ra/#']);
});
