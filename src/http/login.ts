import type { IncomingMessage } from 'node:http';
import type { Access } from '../access/access.ts';
import type { Login } from './logins.ts';

/** The rights of a request's user: the same over HTTP as over MQTT. */
export interface Visitor {
  /** Undefined for one without a login. */
  readonly user: string | undefined;
  readonly address: string;
  /** The filters that cover all topics that it may read. */
  readonly readable: readonly string[];
  maySubscribe(filter: string): boolean;
  mayPublish(topic: string): boolean;
}

const EVERYTHING: Omit<Visitor, 'address'> = {
  user: undefined,
  readable: ['#', '$SYS/#'],
  maySubscribe: () => true,
  mayPublish: () => true,
};

/** Used as the client id, because rules may name single clients. */
export const CLIENT_ID = 'cellgate-http';
const LONGEST = 1024;

/**
 * The rights of a request's sender: all without access rules, else those of the user of its Basic login, else those of
 * its login at the page. Undefined if the login is refused.
 */
export async function loginOf(
  request: IncomingMessage,
  access: Access,
  anonymous: boolean,
  login: Login | undefined,
): Promise<Visitor | undefined> {
  const address = request.socket.remoteAddress ?? 'unknown';
  if (!access.hasRules) return { ...EVERYTHING, address };
  const { username, password } = credentialsOf(request.headers.authorization);
  const admission = await access.admit({
    address,
    clientId: CLIENT_ID,
    username,
    password,
    certificate: undefined,
    proven: login?.identity,
    anonymous,
  });
  if (!('rights' in admission)) return undefined;
  const { identity, rights } = admission;
  return {
    user: identity.user,
    address,
    // A rule with %c is for a client of MQTT, which has another client id.
    readable: rights.readable.filter((filter) => !filter.split('/').includes(CLIENT_ID)),
    maySubscribe: (filter) => rights.maySubscribe(filter),
    mayPublish: (topic) => rights.mayPublish(topic),
  };
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
