/** The functions of a connection to the plant that the sender needs. */
export interface PlantTransport {
  /** Its address, without secrets. */
  readonly url: string;
  /** The plant's receive maximum [MQTT 5, section 3.2.2.3.3]. */
  readonly receiveMaximum: number;
  /** The plant's maximum packet size in bytes [MQTT 5, section 3.2.2.3.6]. */
  readonly maximumPacketSize: number;
  readonly maximumQos: 0 | 1 | 2;
  readonly retainAvailable: boolean;
  /** True while the socket's buffer is full. */
  readonly congested: boolean;
  write(frame: Buffer): void;
  /** Ends the connection, because the plant does not accept messages at present. */
  giveUp(sentence: string): void;
}
