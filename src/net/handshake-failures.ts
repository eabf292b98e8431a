/** Why a TLS handshake has failed, by the code of Node's error: what the client does, and what it needs. */
const SENTENCES: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it begins without TLS, and this port has only TLS',
  ERR_SSL_HTTP_REQUEST: 'it begins with HTTP, and this port has only TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'it speaks no version that is new enough: TLS 1.2 or 1.3',
  ERR_SSL_NO_SHARED_CIPHER:
    'it has no cipher that this port accepts: with TLS 1.2 only those with forward secrecy',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it has no certificate, which this port requires',
  ERR_SSL_CERTIFICATE_VERIFY_FAILED:
    'its certificate is not one of the authority in ca, or has expired',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA:
    'it does not know the authority of our certificate: give it ca.crt',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE:
    'it refuses our certificate: is the name that it connects to in it?',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'it refuses our certificate: give it ca.crt',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'our certificate has expired by its clock',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'it has not finished the handshake in time',
  ECONNRESET:
    'it has closed the connection: maybe it does not trust our certificate, then give it ca.crt',
};

/** A sentence about a failed TLS handshake. */
export function handshakeFailure({ code, message }: NodeJS.ErrnoException): string {
  const known = SENTENCES[code ?? ''];
  if (known !== undefined) return known;
  // OpenSSL: error:0A000076:SSL routines:function:what is wrong:file:line.
  const words = message.split(':');
  return (
    (message.includes('SSL routines') ? words[words.indexOf('SSL routines') + 2] : undefined) ??
    message
  );
}
