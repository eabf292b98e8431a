import { Latency } from '../../base/latency.ts';

/** What went over all connections since the start. Packets are MQTT's, bytes those of the packets. */
export class TrafficCounters {
  /** Sockets that were accepted, and clients that were let in. */
  sockets = 0;
  connections = 0;
  bytesReceived = 0;
  bytesSent = 0;
  packetsSent = 0;
  /** PUBLISH packets from clients and to them, and the bytes of their payloads. */
  publishReceived = 0;
  publishSent = 0;
  publishBytesReceived = 0;
  publishBytesSent = 0;
  /** From a client's message to its acknowledgement, where that waited for the disk; one at a time of each client. */
  readonly acknowledgement: Latency = new Latency();
  /** From a message's arrival until a persistent session's client has acknowledged it. */
  readonly delivery: Latency = new Latency();
}
