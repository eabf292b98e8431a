import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport } from './transport.ts';

/** What a listener admits without proof: clients without a user and a certificate, and the client ids of those. */
export type AdmittedWithoutProof = Pick<Transport, 'anonymous' | 'trustClientIds'>;

/** What a connection shows of its peer, address and certificate, and what its listener admits without proof. */
export function peerOf(
  socket: Socket,
  { anonymous = false, trustClientIds = false }: AdmittedWithoutProof,
): Pick<Transport, 'remoteAddress' | 'anonymous' | 'trustClientIds' | 'certificate'> {
  const proven = socket instanceof TLSSocket && socket.authorized;
  const name = proven ? socket.getPeerCertificate().subject?.CN : undefined;
  return {
    remoteAddress: socket.remoteAddress ?? 'unknown',
    anonymous,
    trustClientIds,
    // A certificate with several common names gives an array: it identifies no user.
    certificate: typeof name === 'string' ? name : undefined,
  };
}
