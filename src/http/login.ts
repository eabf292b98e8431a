import type { IncomingMessage } from 'node:http';
import type { Access } from '../access/access.ts';

/** Whether whoever asks may read what stands on a topic, or on all that a filter matches. */
export type MayRead = (filter: string) => boolean;

/** Stands for the client id, which the rules of single clients may name. */
const CLIENT_ID = 'cellgate-http';
const LONGEST = 1024;

/**
 * What a request may see: all where there are no access rules, else what the user of its Basic login may read
 * over MQTT. Undefined for who is not let in.
 */
export async function loginOf(
  request: IncomingMessage,
  access: Access | undefined,
  anonymous: boolean,
): Promise<MayRead | undefined> {
  if (!access) return () => true;
  const { username, password } = credentialsOf(request.headers.authorization);
  const admission = await access.admit({
    address: request.socket.remoteAddress ?? 'unknown',
    clientId: CLIENT_ID,
    username,
    password,
    certificate: undefined,
    anonymous,
  });
  return 'rights' in admission ? (filter) => admission.rights.maySubscribe(filter) : undefined;
}

function credentialsOf(header: string | undefined): {
  username: string | undefined;
  password: Buffer | undefined;
} {
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '') ?? [];
  const text = encoded.length > LONGEST ? Buffer.alloc(0) : Buffer.from(encoded, 'base64');
  const colon = text.indexOf(':');
  if (colon < 0) return { username: undefined, password: undefined };
  return { username: text.toString('utf8', 0, colon), password: text.subarray(colon + 1) };
}
