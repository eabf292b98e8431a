/** The properties of a client of MQTT 5 that concern what it is sent. */
export interface Sender5 {
  /** Messages above QoS 0 that the client takes before it acknowledges one. */
  readonly receiveMaximum: number;
  /**
   * Sends a PUBLISH from a source where topic length and topic are at [topicStart, topicEnd), properties with their
   * length at [propertiesStart, payloadStart), and the payload at [payloadStart, end); `packetId` is 0 at QoS 0.
   * `expiresAt` is a time of the stored clock. False where the client does not take a packet of this size.
   */
  publish(
    header: number,
    source: Buffer,
    topicStart: number,
    topicEnd: number,
    propertiesStart: number,
    payloadStart: number,
    end: number,
    packetId: number,
    expiresAt: number | null,
    identifiers: readonly number[],
  ): boolean;
}
