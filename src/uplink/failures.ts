import { connackText, disconnectText, hexCode } from '../mqtt/reason-codes.ts';

/** Why a connection to the plant ended, or could not be made. */
export interface Ending {
  /** The address as the config has it. */
  readonly url: string;
  /** The step at which it ended. */
  readonly reached: 'nothing' | 'socket' | 'session';
  /** The last error of socket, TLS or protocol. */
  readonly error?: { readonly code?: string | number | undefined; readonly message: string };
  /** CONNACK's code when it was a refusal. */
  readonly refusal?: number;
  /** DISCONNECT's reason [MQTT 5, section 3.14.2.1]. */
  readonly disconnect?: number;
  readonly reason?: string | undefined;
  readonly serverReference?: string | undefined;
  /** The gateway stopped waiting. */
  readonly silent?: boolean;
  /** The reason as text, from the part that closed it. */
  readonly sentence?: string;
}

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

/** One sentence for status and log. It begins with the address of the plant. */
export function describeEnding(ending: Ending): string {
  const { url, error, refusal, disconnect, sentence, serverReference } = ending;
  const other = serverReference ? `: ${serverReference}` : '';
  if (sentence !== undefined) return `${url}: ${sentence}`;
  if (refusal !== undefined) {
    const words = connackText(refusal) ?? `refuses the connection (reason ${hexCode(refusal)})`;
    return `${url} ${words}${other}${reasonString(ending)}`;
  }
  if (disconnect !== undefined) {
    const words =
      disconnectText(disconnect) ?? `closed the connection (reason ${hexCode(disconnect)})`;
    return `${url} ${words}${other}${reasonString(ending)}`;
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

function reasonString({ reason }: Ending): string {
  return reason ? ` ("${reason}")` : '';
}
