/**
 * A payload of more bytes is not copied for each subscriber: what is sent and kept refers to the bytes of the
 * publication, which therefore last.
 */
export const LARGE_BYTES: number = 48 * 1024;

/** Collects the packets for one client. */
export interface PacketBuffer {
  /** True while the client reads too slowly: messages of QoS 0 are dropped, those of QoS 1 and 2 wait. */
  readonly congested: boolean;
  /** True while so much is not taken by the kernel that publishers have to wait. */
  readonly backlogged: boolean;
  /** Bytes that the kernel has not taken, and that it has taken since the connection began. */
  readonly unread: number;
  readonly taken: number;
  /** A packet's bytes. */
  write(bytes: Uint8Array): void;
  /**
   * A PUBLISH from a source where topic length and topic are at [topicStart, topicEnd) and the payload
   * at [payloadStart, end); `packetId` is 0 at QoS 0. A payload of more than LARGE_BYTES must not change any more.
   */
  publish(
    header: number,
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    payloadStart: number,
    end: number,
    packetId: number,
  ): void;
}
