import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport } from './transport.ts';

/** Address and certificate of a connection's peer. */
export function peerOf(
  socket: Socket,
  anonymous: boolean,
): Pick<Transport, 'remoteAddress' | 'anonymous' | 'certificate'> {
  const proven = socket instanceof TLSSocket && socket.authorized;
  const name = proven ? socket.getPeerCertificate().subject?.CN : undefined;
  return {
    remoteAddress: socket.remoteAddress ?? 'unknown',
    anonymous,
    // A certificate with several common names gives an array: it identifies no user.
    certificate: typeof name === 'string' ? name : undefined,
  };
}
