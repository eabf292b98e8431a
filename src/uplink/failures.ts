/** What ended a connection to the plant, or kept it from beginning. */
export interface Ending {
  /** The address as the config has it. */
  readonly url: string;
  /** How far it came. */
  readonly reached: 'nothing' | 'socket' | 'session';
  /** The last error of socket, TLS or protocol. */
  readonly error?: { readonly code?: string | number | undefined; readonly message: string };
  /** CONNACK's code when it was a refusal. */
  readonly refusal?: number;
  /** DISCONNECT's reason [MQTT 5, section 3.14.2.1]. */
  readonly disconnect?: number;
  readonly reason?: string | undefined;
  readonly serverReference?: string | undefined;
  /** We gave up waiting. */
  readonly silent?: boolean;
  /** Said by the part that closed it. */
  readonly sentence?: string;
}

/** MQTT 5 numbers with 3.1.1's for the same. */
const REFUSALS = new Map([
  [1, 'does not speak this version of MQTT: try protocol: 4'],
  [2, 'refuses the client id'],
  [3, 'says that it is not available'],
  [4, 'refuses the user name or password'],
  [5, 'does not let this client in (not authorised)'],
  [0x80, 'refuses the connection without a reason'],
  [0x84, 'does not speak this version of MQTT: try protocol: 4'],
  [0x85, 'refuses the client id'],
  [0x86, 'refuses the user name or password'],
  [0x87, 'does not let this client in (not authorised)'],
  [0x88, 'says that it is not available'],
  [0x89, 'says that it is busy'],
  [0x8a, 'has banned this client'],
  [0x8c, 'asks for another way of authentication'],
  [0x90, 'refuses the topic of the will'],
  [0x95, 'finds the CONNECT too large'],
  [0x97, 'has no room for another client (quota exceeded)'],
  [0x9a, 'does not keep retained messages: the will is refused'],
  [0x9b, 'does not take the QoS of the will'],
  [0x9c, 'says to use another server'],
  [0x9d, 'says that it has moved'],
  [0x9f, 'says that this client connects too often'],
]);

const DISCONNECTS = new Map([
  [0x00, 'closed the connection in order'],
  [0x81, 'says that a packet was malformed'],
  [0x82, 'says that the protocol was violated'],
  [0x87, 'closed the connection: not authorised'],
  [0x89, 'closed the connection: it is busy'],
  [0x8b, 'is shutting down'],
  [0x8d, 'heard nothing for too long (keep-alive timeout)'],
  [0x8e, 'closed the connection: another client has taken the same client id'],
  [0x93, 'says that more was sent than it can take (receive maximum)'],
  [0x95, 'says that a packet was too large'],
  [0x96, 'says that messages come too fast'],
  [0x97, 'says that a quota is exceeded'],
  [0x98, 'closed the connection: an administrator did'],
  [0x9c, 'says to use another server'],
  [0x9d, 'says that it has moved'],
]);

const SOCKET = new Map([
  ['ENOTFOUND', 'has a name that is not known (DNS)'],
  ['EAI_AGAIN', 'has a name that could not be looked up (DNS does not answer)'],
  ['ECONNREFUSED', 'refuses the connection: nothing listens there'],
  ['EHOSTUNREACH', 'is not reachable (no route to it)'],
  ['ENETUNREACH', 'is not reachable (no network)'],
  ['ETIMEDOUT', 'does not answer'],
  ['ECONNRESET', 'cut the connection'],
  ['EPIPE', 'cut the connection'],
]);

const TLS = new Map([
  ['CERT_HAS_EXPIRED', 'shows a certificate that has expired'],
  ['CERT_NOT_YET_VALID', 'shows a certificate that is not yet valid: is the clock set?'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'shows a certificate for another name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'shows a certificate that tls.ca has not signed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'shows a certificate that tls.ca has not signed'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'shows a certificate that tls.ca has not signed'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'shows a certificate that tls.ca has not signed'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'shows a certificate that tls.ca has not signed'],
  ['CERT_SIGNATURE_FAILURE', 'shows a certificate whose signature is wrong'],
  ['CERT_REVOKED', 'shows a certificate that was revoked'],
]);

/** One sentence for the people in front of the cabinet, beginning with whom it is about. */
export function describeEnding(ending: Ending): string {
  const { url, error, refusal, disconnect, sentence, serverReference } = ending;
  const other = serverReference ? `: ${serverReference}` : '';
  if (sentence !== undefined) return `${url}: ${sentence}`;
  if (refusal !== undefined) {
    const words = REFUSALS.get(refusal) ?? `refuses the connection (reason ${hex(refusal)})`;
    return `${url} ${words}${other}${said(ending)}`;
  }
  if (disconnect !== undefined) {
    const words =
      DISCONNECTS.get(disconnect) ?? `closed the connection (reason ${hex(disconnect)})`;
    return `${url} ${words}${other}${said(ending)}`;
  }
  const code = String(error?.code ?? '');
  const known = TLS.get(code) ?? SOCKET.get(code);
  if (known && !(ending.silent && code === 'ETIMEDOUT')) return `${url} ${known}`;
  if (/^ERR_(SSL|TLS)|^EPROTO/.test(code)) {
    const alert = /alert ([a-z ]+)/i.exec(error?.message ?? '')?.[1]?.trim();
    return alert && /certificate/i.test(`${alert} ${code}`)
      ? `${url} refuses the certificate of this gateway (${alert})`
      : `${url} does not agree on TLS (${alert ?? code}): is it a port with TLS?`;
  }
  return `${url} ${unexplained(ending)}`;
}

function unexplained({ reached, silent, error }: Ending): string {
  if (silent && reached === 'nothing') return 'does not answer';
  if (silent && reached === 'socket') return 'takes the connection and then never answers CONNECT';
  if (silent) return 'has stopped answering';
  if (reached === 'nothing') return `could not be reached (${error?.message ?? 'no reason given'})`;
  if (reached === 'socket') return 'closed the connection instead of answering CONNECT';
  return error ? `cut the connection (${error.message})` : 'cut the connection';
}

function said({ reason }: Ending): string {
  return reason ? ` ("${reason}")` : '';
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`;
}
