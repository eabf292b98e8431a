import { TurnBudget } from '../../src/base/turn-budget.ts';
import { BufferPool } from '../../src/broker/clients/buffer-pool.ts';
import type { Connection } from '../../src/broker/clients/connection.ts';
import type {
  ConnectionHandlers,
  ConnectionParts,
} from '../../src/broker/clients/connection-parts.ts';
import { FlushQueue } from '../../src/broker/clients/flush-queue.ts';
import type { SendBufferParts } from '../../src/broker/clients/send-buffer.ts';
import { Publication } from '../../src/broker/messages/publication.ts';
import { TrafficCounters } from '../../src/broker/stats/traffic-counters.ts';
import { PublishProperties } from '../../src/mqtt/publish-properties.ts';
import { memoryBudget } from './memory.ts';

/** What send buffers share, apart from those of all other tests. */
export function sendBufferParts(parts: Partial<SendBufferParts> = {}): SendBufferParts {
  return {
    memory: memoryBudget(),
    traffic: new TrafficCounters(),
    pool: new BufferPool(),
    flushQueue: new FlushQueue({
      now: () => 0,
      failed(error) {
        throw error;
      },
    }),
    ...parts,
  };
}

export const CONNECTION_LIMITS: ConnectionParts<Connection>['limits'] = {
  packet: 1024 * 1024,
  connectTimeout: 5000,
  packetTimeout: 300_000,
  receiveMaximum: 1000,
  overReceiveMaximum: 'disconnect',
  topicAliases: 100,
  controlCharacters: 'refuse',
};

/** What connections with these handlers share; the clock stands still unless a test gives another. */
export function connectionParts(
  handlers: ConnectionHandlers<Connection>,
  parts: Partial<ConnectionParts<Connection>> = {},
): ConnectionParts<Connection> {
  return {
    ...sendBufferParts(),
    handlers,
    limits: CONNECTION_LIMITS,
    storedNow: () => 0,
    now: () => 0,
    publication: new Publication(),
    publishProperties: new PublishProperties(),
    readBudget: new TurnBudget(() => 0),
    failed: (_connection, error) => {
      throw error;
    },
    ...parts,
  };
}
