import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport } from './transport.ts';

/** Who the peer is, as far as its connection tells. */
export function peerOf(
  socket: Socket,
  anonymous: boolean,
): Pick<Transport, 'remoteAddress' | 'anonymous' | 'certificate'> {
  const proven = socket instanceof TLSSocket && socket.authorized;
  const name = proven ? socket.getPeerCertificate().subject?.CN : undefined;
  return {
    remoteAddress: socket.remoteAddress ?? 'unknown',
    anonymous,
    // Several common names are no name.
    certificate: typeof name === 'string' ? name : undefined,
  };
}
