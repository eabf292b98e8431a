import { connackText, disconnectBlames, disconnectText, hexCode } from '../mqtt/reason-codes.ts';

/** Why a connection to the plant ended, or could not be made. */
export interface Ending {
  /** The address, without secrets. */
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

/** What a message in flight has to do with the end of a connection; `size`: it was too large. */
export type Blame = 'message' | 'size' | 'possible' | 'none';

/** Errors of a socket that the plant has closed. */
const CLOSED = ['ECONNRESET', 'EPIPE'];

/** A connection that the gateway or the network ended says nothing about the messages in flight. */
export function blameOf({ reached, silent, sentence, disconnect, error }: Ending): Blame {
  if (reached !== 'session' || silent || sentence !== undefined) return 'none';
  if (disconnect !== undefined) return disconnectBlames(disconnect);
  return error === undefined || CLOSED.includes(String(error.code)) ? 'possible' : 'none';
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

/** Ends that have one cause for every plant: the network or the name server of this machine. */
const EVERY_PLANT = [SOCKET.get('ENETUNREACH'), SOCKET.get('EAI_AGAIN')];

/** What `describeEnding` gave, without what differs for uplinks that are down for one cause. */
export function sharedEnding(sentence: string): string {
  const back = sentence.indexOf('; the connection was lost at ');
  if (back > 0) return sentence.slice(0, back);
  const [, url, words] = /^(\w+:\/\/\S+?):? (\S.*)$/.exec(sentence) ?? [];
  if (url === undefined || words === undefined || !URL.canParse(url)) return sentence;
  if (EVERY_PLANT.includes(words)) return `the plant ${words}`;
  const isOfHost = [...SOCKET.values(), 'has stopped answering'].includes(words);
  return isOfHost ? `${new URL(url).hostname} ${words}` : sentence;
}

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
