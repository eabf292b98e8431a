import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  AedesPersistence,
  type AedesWill,
} from '../../../../src/broker/control/aedes-persistence.ts';
import type { Store } from '../../../../src/store/store.ts';
import { REPOSITORY } from '../../../support/gateway.ts';

const require = createRequire(import.meta.url);

function setUp() {
  const operations: unknown[][] = [];
  const store = {
    journal: { add: (operation: unknown[]) => operations.push(operation) },
  } as unknown as Store;
  const registered = new Map<string, object>();
  const accepted: string[] = [];
  const persistence = new AedesPersistence({
    store,
    registered: (clientId) => registered.get(clientId),
    accepted: ({ id }) => accepted.push(id),
  });
  return { operations, registered, persistence, accepted };
}

const will = (payload: string): AedesWill => ({
  topic: 'w',
  payload: Buffer.from(payload),
  qos: 1,
  retain: true,
});

test("keeps to the parts of aedes-persistence's own suite that apply, and knows all the others", () => {
  const file = fileURLToPath(new URL('./abstract.test.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--test', file], {
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined },
  });
  expect(`${stdout}${stderr}`).toMatch(/pass 4\n/);
  expect(status).toBe(0);
});

test('the versions are those whose seams were looked at', () => {
  const versions = ['aedes', 'aedes-persistence'].map((name) => {
    const file = join(REPOSITORY, 'node_modules', name, 'package.json');
    return `${name} ${(require(file) as { version: string }).version}`;
  });
  // A new version: read its changes, see whether test/unit/broker/control/control-plane.test.ts still says all, then put it here.
  expect(versions).toEqual(['aedes 1.2.0', 'aedes-persistence 11.0.0']);
});

const client = (id: string, closed = false) => ({ id, closed });

test('aedes is stopped before its CONNACK, and goes on at the end of the client', async () => {
  const { persistence, accepted } = setUp();
  let isDone = false;
  void persistence.cleanIncoming(client('c')).then(() => {
    isDone = true;
  });
  await persistence.cleanIncoming(client('gone', true));
  expect(accepted).toEqual(['c']);
  expect(isDone).toBe(false);
});

test('a will goes to disk and off it', async () => {
  const { persistence, operations } = setUp();
  await persistence.setup({ id: 'b' });
  const owner = client('c');
  await persistence.putWill(owner, will('gone'));
  expect(operations.splice(0)).toEqual([
    ['putWill', 'c', 'w', 1, 1, Uint8Array.from(Buffer.from('gone'))],
  ]);
  expect((await persistence.getWill(owner))?.clientId).toBe('c');
  await persistence.delWill(client('c'));
  await persistence.delWill(client('c'));
  expect(operations).toEqual([['deleteWill', 'c']]);
});

test("a client that was taken over does not delete its successor's will", async () => {
  const { persistence, operations, registered } = setUp();
  const [old, next] = [client('c'), client('c')];
  await persistence.putWill(old, will('old'));
  registered.set('c', old);
  // The order in which aedes asks.
  await persistence.delWill(next);
  await persistence.putWill(next, will('next'));
  await persistence.delWill(client('c'));
  registered.set('c', next);
  expect((await persistence.getWill(next))?.payload.toString()).toBe('next');
  expect(operations.at(-1)![0]).toBe('putWill');
  await persistence.delWill(client('c'));
  expect(operations.at(-1)).toEqual(['deleteWill', 'c']);
});

test('a will is off the disk with the commit that has what it published', async () => {
  const { persistence, operations } = setUp();
  const published = will('gone');
  await persistence.putWill(client('c'), published);
  persistence.publishing(published);
  expect(operations.at(-1)).toEqual(['deleteWill', 'c']);
  await persistence.delWill(client('c'));
  expect(operations).toHaveLength(2);
});

test('a will that has replaced the published one stays', async () => {
  const { persistence, operations } = setUp();
  const published = will('old');
  await persistence.putWill(client('c'), published);
  await persistence.putWill(client('c'), will('new'));
  persistence.publishing(published);
  expect(operations.map(([name]) => name)).toEqual(['putWill', 'putWill']);
});
