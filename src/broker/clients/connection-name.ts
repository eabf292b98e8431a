import type { Connection } from './connection.ts';

/** A connection in a sentence: `client hmi`, or by its address before its CONNECT is accepted. */
export function connectionName({ session, remoteAddress }: Connection): string {
  return session?.clientId ? `client ${session.clientId}` : `a client at ${remoteAddress}`;
}
