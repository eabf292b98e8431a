import { Latency } from '../../base/latency.ts';

/** Counts all connections' traffic since the start, in MQTT packets and their bytes. */
export class TrafficCounters {
  /** Accepted sockets, and admitted clients. */
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
  /** Time from a client's message to its acknowledgement, if that waited for the disk; one at a time for each client. */
  readonly acknowledgement: Latency = new Latency();
  /** Time from a message's arrival until the client of a persistent session has acknowledged it. */
  readonly delivery: Latency = new Latency();
}
