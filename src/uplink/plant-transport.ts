/** The line as the sender needs it. */
export interface PlantTransport {
  /** The plant's receive maximum [MQTT 5, section 3.2.2.3.3]. */
  readonly receiveMaximum: number;
  /** The plant's maximum packet size. */
  readonly maximumPacketSize: number;
  readonly maximumQos: 0 | 1 | 2;
  readonly retainAvailable: boolean;
  /** True while the socket holds more than it should. */
  readonly congested: boolean;
  write(frame: Buffer): void;
  /** The plant does not take messages for the moment: the line is to be given up. */
  fail(sentence: string): void;
}

/** Reason codes with which a plant refuses a message for ever [MQTT 5, section 3.4.2.1]. */
export const PERMANENT_REFUSALS = new Map([
  [0x87, 'not authorised'],
  [0x90, 'topic name invalid'],
  [0x91, 'packet identifier in use'],
  [0x95, 'packet too large'],
  [0x99, 'payload format invalid'],
  [0x9a, 'retain not supported'],
  [0x9b, 'QoS not supported'],
]);
