import { MALFORMED_PACKET, PROTOCOL_ERROR, returnCodeOf } from './reason-codes.ts';

/** A packet that the standard forbids: the connection must be closed [MQTT-4.8.0-1] [MQTT-4.13.1-1]. */
export class ProtocolError extends Error {
  /** What MQTT 5 sends in the CONNACK or DISCONNECT before the close. */
  readonly reasonCode: number;

  constructor(message: string, reasonCode: number = PROTOCOL_ERROR) {
    super(message);
    this.reasonCode = reasonCode;
  }

  /** The return code of the CONNACK, if MQTT 3.1.1 requires one before the close. */
  get returnCode(): number | undefined {
    return returnCodeOf(this.reasonCode);
  }
}

/** A packet that can't be read [MQTT 5, section 4.13.1]. */
export class MalformedPacket extends ProtocolError {
  constructor(message: string) {
    super(message, MALFORMED_PACKET);
  }
}
