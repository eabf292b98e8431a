import type { Connection } from '../../src/broker/clients/connection.ts';
import type { ConnectionHandlers } from '../../src/broker/clients/connection-parts.ts';
import type { Publication } from '../../src/broker/messages/publication.ts';
import type { SubscribePacket, UnsubscribePacket } from '../../src/mqtt/codec.ts';

/** Records the packets of connections and their end; a test may replace its functions. */
export class FakeHandler {
  readonly heard: string[] = [];
  readonly handlers: ConnectionHandlers<Connection> = {
    handshake: this,
    control: this,
    messages: this,
    subscriptions: this,
    connections: this,
  };

  connect(): void {
    this.heard.push('connect');
  }
  authenticate(): void {
    this.heard.push('authenticate');
  }
  setSessionExpiry(_connection: Connection, seconds: number): void {
    this.heard.push(`expiry ${seconds}`);
  }
  publish(connection: Connection, publication: Publication, packetId: number): void {
    const { source, payloadStart, end } = publication;
    this.heard.push(`publish ${packetId} ${source.toString('utf8', payloadStart, end)}`);
    this.onPublish(connection, publication, packetId);
  }
  onPublish: (connection: Connection, publication: Publication, packetId: number) => void = () =>
    undefined;
  release(_connection: Connection, packetId: number): void {
    this.heard.push(`release ${packetId}`);
  }
  subscribe(_connection: Connection, _packet: SubscribePacket): void {
    this.heard.push('subscribe');
  }
  unsubscribe(_connection: Connection, _packet: UnsubscribePacket): void {
    this.heard.push('unsubscribe');
  }
  ping(): void {
    this.heard.push('ping');
  }
  disconnect(): void {
    this.heard.push('disconnect');
  }
  tooManyUnfinished(): boolean {
    return false;
  }
  closed(_connection: Connection, reason: string): void {
    this.heard.push(`closed: ${reason}`);
  }
}
