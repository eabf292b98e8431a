import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport } from './transport.ts';

/** What a listener admits: clients without a user and a certificate, the client ids of those, versions of MQTT. */
export type Admits = Pick<Transport, 'anonymous' | 'trustClientIds' | 'versions'>;

/**
 * Bytes that have come below TLS; undefined without TLS. Node counts those of a `TLSSocket` when their record has ended,
 * and names the socket below it only in a property that is not documented: without that there is no count.
 */
export function encryptedBytesOf(socket: Socket): number | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  return (socket as { readonly _parent?: Socket })._parent?.bytesRead;
}

/** What a connection shows of its peer, address and certificate, and what its listener admits. */
export function peerOf(
  socket: Socket,
  { anonymous = false, trustClientIds = false, versions }: Admits,
): Pick<Transport, 'remoteAddress' | 'certificate'> & Admits {
  const proven = socket instanceof TLSSocket && socket.authorized;
  const name = proven ? socket.getPeerCertificate().subject?.CN : undefined;
  return {
    remoteAddress: socket.remoteAddress ?? 'unknown',
    anonymous,
    trustClientIds,
    versions,
    // A certificate with several common names gives an array: it identifies no user.
    certificate: typeof name === 'string' ? name : undefined,
  };
}
