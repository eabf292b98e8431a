/** One reason code of MQTT 5. */
export interface ReasonCode {
  readonly code: number;
  /** The standard's name [MQTT 5, table 2-6]. */
  readonly name: string;
  /** The CONNACK return code of MQTT 3.1.1 with the same meaning [MQTT 3.1.1, table 3.1]. */
  readonly returnCode?: number;
  /** Its text in a CONNACK: the rest of a sentence that begins with its address. */
  readonly connack?: string;
  /** Its text in a DISCONNECT: the rest of a sentence that begins with its address. */
  readonly disconnect?: string;
  /** Why a message was refused, if it will always be refused; without it the refusal may be temporary. */
  readonly permanent?: string;
  /** In a DISCONNECT: what a message in flight has to do with it; without it nothing. */
  readonly blames?: 'message' | 'size' | 'possible';
}

/** Below this code a packet reports success [MQTT 5, section 2.4]. */
const FIRST_ERROR = 0x80;

/** Codes that this program sends or acts on, by their names in the standard. */
export const SUCCESS = 0x00;
export const NO_MATCHING_SUBSCRIBERS = 0x10;
export const NO_SUBSCRIPTION_EXISTED = 0x11;
export const CONTINUE_AUTHENTICATION = 0x18;
export const REAUTHENTICATE = 0x19;
export const UNSPECIFIED_ERROR = 0x80;
export const MALFORMED_PACKET = 0x81;
export const PROTOCOL_ERROR = 0x82;
export const UNSUPPORTED_VERSION = 0x84;
export const CLIENT_ID_INVALID = 0x85;
export const NOT_AUTHORIZED = 0x87;
export const SERVER_UNAVAILABLE = 0x88;
export const SERVER_BUSY = 0x89;
export const SERVER_SHUTTING_DOWN = 0x8b;
export const BAD_AUTHENTICATION_METHOD = 0x8c;
export const KEEP_ALIVE_TIMEOUT = 0x8d;
export const SESSION_TAKEN_OVER = 0x8e;
export const TOPIC_FILTER_INVALID = 0x8f;
/** PUBREC: the receiver has another message under this packet identifier, or this message already. */
export const IDENTIFIER_IN_USE = 0x91;
export const PACKET_ID_NOT_FOUND = 0x92;
export const RECEIVE_MAXIMUM_EXCEEDED = 0x93;
export const TOPIC_ALIAS_INVALID = 0x94;
export const PACKET_TOO_LARGE = 0x95;
export const QUOTA_EXCEEDED = 0x97;
export const ADMINISTRATIVE_ACTION = 0x98;
export const PAYLOAD_FORMAT_INVALID = 0x99;
/** In a CONNACK they refuse the will [MQTT 5, section 3.2.2.2]. */
export const RETAIN_NOT_SUPPORTED = 0x9a;
export const QOS_NOT_SUPPORTED = 0x9b;

/** All reason codes of the standard, in its order. The texts are those of the packets in which a server sends the code. */
export const REASON_CODES: readonly ReasonCode[] = [
  { code: 0x00, name: 'Success', disconnect: 'closed the connection in order' },
  { code: 0x01, name: 'Granted QoS 1' },
  { code: 0x02, name: 'Granted QoS 2' },
  { code: 0x04, name: 'Disconnect with Will Message' },
  { code: 0x10, name: 'No matching subscribers' },
  { code: 0x11, name: 'No subscription existed' },
  { code: 0x18, name: 'Continue authentication' },
  { code: 0x19, name: 'Re-authenticate' },
  {
    code: 0x80,
    name: 'Unspecified error',
    connack: 'refuses the connection without a reason',
    blames: 'possible',
  },
  {
    code: 0x81,
    name: 'Malformed Packet',
    disconnect: 'says that a packet was malformed',
    blames: 'message',
  },
  {
    code: 0x82,
    name: 'Protocol Error',
    disconnect: 'says that the protocol was violated',
    blames: 'message',
  },
  { code: 0x83, name: 'Implementation specific error', blames: 'possible' },
  {
    code: 0x84,
    name: 'Unsupported Protocol Version',
    returnCode: 1,
    connack: 'does not speak this version of MQTT: try protocol: 4',
  },
  {
    code: 0x85,
    name: 'Client Identifier not valid',
    returnCode: 2,
    connack: 'refuses the client id',
  },
  {
    code: 0x86,
    name: 'Bad User Name or Password',
    returnCode: 4,
    connack: 'refuses the user name or password',
  },
  {
    code: 0x87,
    name: 'Not authorized',
    returnCode: 5,
    connack: 'does not let this client in (not authorised)',
    disconnect: 'closed the connection: not authorised',
    permanent: 'not authorised',
    blames: 'message',
  },
  {
    code: 0x88,
    name: 'Server unavailable',
    returnCode: 3,
    connack: 'says that it is not available',
  },
  {
    code: 0x89,
    name: 'Server busy',
    connack: 'says that it is busy',
    disconnect: 'closed the connection: it is busy',
  },
  { code: 0x8a, name: 'Banned', connack: 'has banned this client' },
  { code: 0x8b, name: 'Server shutting down', disconnect: 'is shutting down' },
  {
    code: 0x8c,
    name: 'Bad authentication method',
    connack: 'asks for another way of authentication',
  },
  {
    code: 0x8d,
    name: 'Keep Alive timeout',
    disconnect: 'received nothing for too long (keep-alive timeout)',
  },
  {
    code: 0x8e,
    name: 'Session taken over',
    disconnect: 'closed the connection: another client has taken the same client id',
  },
  { code: 0x8f, name: 'Topic Filter invalid' },
  {
    code: 0x90,
    name: 'Topic Name invalid',
    connack: 'refuses the topic of the will',
    permanent: 'topic name invalid',
    blames: 'message',
  },
  { code: 0x91, name: 'Packet Identifier in use', permanent: 'packet identifier in use' },
  { code: 0x92, name: 'Packet Identifier not found' },
  {
    code: 0x93,
    name: 'Receive Maximum exceeded',
    disconnect: 'says that more was sent than it can take (receive maximum)',
  },
  { code: 0x94, name: 'Topic Alias invalid', blames: 'message' },
  {
    code: 0x95,
    name: 'Packet too large',
    connack: 'finds the CONNECT too large',
    disconnect: 'says that a packet was too large',
    permanent: 'packet too large',
    blames: 'size',
  },
  {
    code: 0x96,
    name: 'Message rate too high',
    disconnect: 'says that messages come too fast',
  },
  {
    code: 0x97,
    name: 'Quota exceeded',
    connack: 'has no room for another client (quota exceeded)',
    disconnect: 'says that a quota is exceeded',
    blames: 'possible',
  },
  {
    code: 0x98,
    name: 'Administrative action',
    disconnect: 'closed the connection: an administrator did',
  },
  {
    code: 0x99,
    name: 'Payload format invalid',
    permanent: 'payload format invalid',
    blames: 'message',
  },
  {
    code: 0x9a,
    name: 'Retain not supported',
    connack: 'does not keep retained messages: the will is refused',
    permanent: 'retain not supported',
    blames: 'message',
  },
  {
    code: 0x9b,
    name: 'QoS not supported',
    connack: 'does not take the QoS of the will',
    permanent: 'QoS not supported',
    blames: 'message',
  },
  {
    code: 0x9c,
    name: 'Use another server',
    connack: 'says to use another server',
    disconnect: 'says to use another server',
  },
  {
    code: 0x9d,
    name: 'Server moved',
    connack: 'says that it has moved',
    disconnect: 'says that it has moved',
  },
  { code: 0x9e, name: 'Shared Subscriptions not supported' },
  {
    code: 0x9f,
    name: 'Connection rate exceeded',
    connack: 'says that this client connects too often',
  },
  { code: 0xa0, name: 'Maximum connect time' },
  { code: 0xa1, name: 'Subscription Identifiers not supported' },
  { code: 0xa2, name: 'Wildcard Subscriptions not supported' },
];

const byCode = new Map(REASON_CODES.map((each) => [each.code, each]));

/** Whether the code, of any acknowledgement or of SUBACK, reports a refusal. */
export function isError(code: number): boolean {
  return code >= FIRST_ERROR;
}

/** The CONNACK return code of MQTT 3.1.1 with the same meaning; undefined if there is none. */
export function returnCodeOf(code: number): number | undefined {
  return byCode.get(code)?.returnCode;
}

/** The reason code with the same meaning as a CONNACK return code of MQTT 3.1.1 that refuses. */
export function reasonCodeOf(returnCode: number): number {
  return REASON_CODES.find((each) => each.returnCode === returnCode)?.code ?? SERVER_UNAVAILABLE;
}

/** The text of a CONNACK that refuses, of MQTT 3.1.1 or 5; undefined if the standard has no such code there. */
export function connackText(code: number): string | undefined {
  const reason = isError(code)
    ? byCode.get(code)
    : REASON_CODES.find(({ returnCode }) => returnCode === code);
  return reason?.connack;
}

/** The text of a DISCONNECT from a server; undefined if the standard has no such code there. */
export function disconnectText(code: number): string | undefined {
  return byCode.get(code)?.disconnect;
}

/** What a message in flight has to do with a DISCONNECT from a server. */
export function disconnectBlames(code: number): 'message' | 'size' | 'possible' | 'none' {
  return byCode.get(code)?.blames ?? 'none';
}

/** Why a message is always refused (PUBACK, PUBREC) [MQTT 5, section 3.4.2.1]; undefined if the refusal may be temporary. */
export function permanentRefusal(code: number): string | undefined {
  return byCode.get(code)?.permanent;
}

/** The code as the log shows it, such as 0x87. */
export function hexCode(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
