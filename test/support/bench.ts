import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, aroundEach, beforeAll, type TestOptions } from 'vitest';
import { type GatewayOptions, startTarget, type TestGateway, target } from './gateway.ts';
import type { ConnectOptions } from './packets.ts';
import { RawClient, type Transport } from './raw-client.ts';

export const transports: readonly Transport[] = ['tcp', 'ws'];

/** Connections over one transport to the broker of a test file; each is dropped after the test that made it. */
export interface Mqtt {
  /** A connection on which nothing was sent yet. */
  open(): Promise<RawClient>;
  /** A connection with its CONNECT accepted; by default with a client id of its own. */
  connect(options?: ConnectOptions): Promise<RawClient>;
}

export interface Bench {
  /** The broker; only while tests run. */
  server(): TestGateway;
  over(transport: Transport): Mqtt;
}

/** Starts the broker under test once for all tests of a file, which may run at the same time. */
export function useBroker(options: GatewayOptions = {}): Bench {
  let server: TestGateway | undefined;
  const ofThisTest = new AsyncLocalStorage<RawClient[]>();
  beforeAll(async () => {
    server = await startTarget(options);
  });
  aroundEach(async (runTest) => {
    const clients: RawClient[] = [];
    try {
      await ofThisTest.run(clients, runTest);
    } finally {
      for (const client of clients) client.destroy();
    }
  });
  afterAll(async () => {
    await server?.dispose();
  });
  const running = () => {
    if (!server) throw new Error('the broker under test did not start');
    return server;
  };
  return {
    server: running,
    over: (transport) => {
      const open = async () => {
        const port = transport === 'tcp' ? running().port : running().wsPort;
        const client = await RawClient.open(transport, port);
        ofThisTest.getStore()?.push(client);
        return client;
      };
      return {
        open,
        connect: async (connectOptions = {}) =>
          (await open()).connect({ clientId: unique('c'), ...connectOptions }),
      };
    },
  };
}

let counter = 0;

/** A name that no other test uses: letters and digits, short enough for a client id. */
export function unique(prefix: string): string {
  counter++;
  return `${prefix}${process.pid.toString(36)}x${counter.toString(36)}`;
}

/**
 * A known deviation of another broker from the standard: against that broker the test must fail,
 * against ours nothing is excused. `when` limits it, e.g. to one transport.
 */
export function differs(broker: 'mosquitto', reason: string, when = true): TestOptions {
  if (reason.length === 0) throw new Error('a deviation needs its reason');
  return target === broker && when ? { fails: true } : {};
}
