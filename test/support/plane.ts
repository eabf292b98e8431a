import { TurnBudget } from '../../src/base/turn-budget.ts';
import { Connection } from '../../src/broker/clients/connection.ts';
import type { ConnectionParts } from '../../src/broker/clients/connection-parts.ts';
import { DataPlane } from '../../src/broker/messages/data-plane.ts';
import { DropCounter } from '../../src/broker/stats/drop-counter.ts';
import { TrafficCounters } from '../../src/broker/stats/traffic-counters.ts';
import { encodeConnack } from '../../src/mqtt/codec.ts';
import { Journal } from '../../src/store/commit/journal.ts';
import type { Store } from '../../src/store/store.ts';
import { LIMITS } from './broker.ts';
import { CONNECTION_LIMITS, connectionParts } from './connection-parts.ts';
import { FakeHandler } from './fake-handler.ts';
import { FakeTransport } from './fake-transport.ts';
import { createFaults } from './faults.ts';
import { memoryBudget } from './memory.ts';
import type { MemoryDisk } from './memory-disk.ts';
import * as packets from './packets.ts';
import { createQuietLog } from './quiet-log.ts';

/** A data plane that has started on this disk, without sockets and without aedes. */
export class TestPlane extends FakeHandler {
  readonly plane: DataPlane;
  readonly journal: Journal;
  readonly disk: MemoryDisk;
  readonly faults = createFaults();
  readonly #parts: ConnectionParts<Connection>;

  /** By default the time of a turn of the event loop is never used up. */
  constructor(
    disk: MemoryDisk,
    limits: Partial<typeof LIMITS> = {},
    turnBudget: TurnBudget = new TurnBudget(() => 0),
  ) {
    super();
    this.disk = disk;
    let retainedValue: Parameters<Store['readRetainedFrom']>[0] = () => undefined;
    this.journal = new Journal({
      faults: this.faults,
      writer: disk,
      deferredMs: 1000,
      nextMessageId: 1000,
      retainedValue: (topic) => retainedValue(topic),
      onTrouble: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    });
    const recovered = disk.recover();
    let sessionKey = recovered.nextSessionKey;
    const store = {
      recovered,
      takeSessionKey: () => sessionKey++,
      load: disk.load.bind(disk),
      retained: disk.storedRetained(),
      readRetainedFrom(read: typeof retainedValue) {
        retainedValue = read;
      },
    } as unknown as Store;
    const [memory, traffic] = [memoryBudget(), new TrafficCounters()];
    this.plane = new DataPlane({
      faults: this.faults,
      store,
      limits: { ...LIMITS, inflight: 4, ...limits },
      drops: new DropCounter(createQuietLog().log),
      memory,
      traffic,
      turnBudget,
      disconnect: () => undefined,
      tooManyUnfinished: () => false,
      ended: () => undefined,
      refused: () => undefined,
      reached: () => undefined,
      slow: () => undefined,
      wills: () => ({ bytes: 0, bytesOf: () => 0, sessionEnded: () => undefined }),
      now: () => 0,
      wall: () => Date.UTC(2026, 0, 2),
    });
    const { subscriptions } = this.plane;
    this.#parts = connectionParts(
      { ...this.handlers, messages: this.plane, subscriptions },
      {
        limits: { ...CONNECTION_LIMITS, connectTimeout: 0 },
        memory,
        traffic,
      },
    );
    // As in the gateway: the store starts after the data plane was made.
    Object.assign(store, { journal: this.journal });
    this.plane.recover();
  }

  /** A connection that is open: its session is there. */
  open(clientId: string, clean: boolean): { connection: Connection; transport: FakeTransport } {
    const transport = new FakeTransport();
    const connection = new Connection(transport, this.#parts);
    connection.data(packets.connect());
    const { session, present } = this.plane.sessions.openSession(clientId, clean);
    connection.sendBuffer.write(encodeConnack(present, 0));
    connection.open(session);
    return { connection, transport };
  }

  override closed(connection: Connection): void {
    if (connection.session) this.plane.sessions.clientGone(connection.session);
  }
}
