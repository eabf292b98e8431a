import { Connection } from '../../src/broker/clients/connection.ts';
import { MemoryBudget } from '../../src/broker/clients/memory-budget.ts';
import { TrafficCounters } from '../../src/broker/clients/traffic-counters.ts';
import { DataPlane } from '../../src/broker/messages/data-plane.ts';
import type { Publication } from '../../src/broker/messages/publication.ts';
import { DropCounter } from '../../src/broker/stats/drop-counter.ts';
import {
  encodeConnack,
  type SubscribePacket,
  type UnsubscribePacket,
} from '../../src/mqtt/codec.ts';
import { Journal } from '../../src/store/commit/journal.ts';
import type { Store } from '../../src/store/store.ts';
import { LIMITS } from './broker.ts';
import { FakeHandler } from './fake-handler.ts';
import { FakeTransport } from './fake-transport.ts';
import type { MemoryDisk } from './memory-disk.ts';
import * as packets from './packets.ts';
import { createQuietLog } from './quiet-log.ts';

/** A data plane that has started on this disk, without sockets and without aedes. */
export class TestPlane extends FakeHandler {
  readonly plane: DataPlane;
  readonly journal: Journal;
  readonly disk: MemoryDisk;
  readonly #memory = new MemoryBudget();

  constructor(disk: MemoryDisk) {
    super();
    this.disk = disk;
    let retainedValue: Parameters<Store['readRetainedFrom']>[0] = () => undefined;
    this.journal = new Journal({
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
      journal: this.journal,
      recovered,
      takeSessionKey: () => sessionKey++,
      load: disk.load.bind(disk),
      readRetainedFrom(read: typeof retainedValue) {
        retainedValue = read;
      },
    } as unknown as Store;
    this.plane = new DataPlane({
      store,
      limits: { ...LIMITS, inflight: 4 },
      drops: new DropCounter(createQuietLog().log),
      memory: this.#memory,
      traffic: new TrafficCounters(),
      refused: () => undefined,
      now: () => 0,
    });
    this.plane.recover();
  }

  /** A connection that is open: its session is there. */
  open(clientId: string, clean: boolean): { connection: Connection; transport: FakeTransport } {
    const transport = new FakeTransport();
    const limits = { packet: 1024 * 1024, connectTimeout: 0 };
    const connection = new Connection(transport, this, limits, () => 0, this.#memory);
    connection.data(packets.connect());
    const { session, present } = this.plane.openSession(clientId, clean);
    connection.sendBuffer.write(encodeConnack(present, 0));
    connection.open(session);
    return { connection, transport };
  }

  override publish(connection: Connection, publication: Publication, packetId: number): void {
    this.plane.publish(connection, publication, packetId);
  }
  override release(connection: Connection, packetId: number): void {
    this.plane.release(connection, packetId);
  }
  override subscribe(connection: Connection, packet: SubscribePacket): void {
    this.plane.subscribe(connection, packet);
  }
  override unsubscribe(connection: Connection, packet: UnsubscribePacket): void {
    this.plane.unsubscribe(connection, packet);
  }
  override closed(connection: Connection): void {
    if (connection.session) this.plane.clientGone(connection.session);
  }
}
