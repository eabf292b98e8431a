import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Identity } from '../access/admission.ts';

/** A user that has logged in at the page, in one browser. */
export interface Login {
  readonly identity: Identity;
  /** Milliseconds of the monotonic clock. */
  readonly began: number;
  used: number;
  /** Its open WebSockets. */
  readonly sockets: Set<Duplex>;
}

export interface LoginsParts {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** Whether the user would still be admitted. */
  isAdmitted(identity: Identity): boolean;
}

const TOKEN_BYTES = 32;
/** The token in base64url. */
const TOKEN_FORM = /^[\w-]{43}$/;
/** A login that is not used for so long ends; an open page uses it. */
const IDLE_MS = 12 * 3600_000;
/** A login ends after this time, however much it is used. */
const LONGEST_MS = 30 * 24 * 3600_000;
/** Logins of all users, and of one of them; for another one the least recently used ends. */
const MOST = 1000;
const MOST_PER_USER = 50;

/** The logins of the page by their cookies. Of a token only the hash is kept; a restart ends all logins. */
export class Logins {
  readonly #parts: LoginsParts;
  /** By the hash of the token. */
  readonly #logins = new Map<string, Login>();

  constructor(parts: LoginsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#logins.size;
  }

  /** Begins a login of an admitted user; returns its token. */
  begin(identity: Identity): string {
    const all = [...this.#logins];
    const ofUser = all.filter(([, login]) => login.identity.user === identity.user);
    if (ofUser.length >= MOST_PER_USER) this.#end(leastUsed(ofUser));
    else if (all.length >= MOST) this.#end(leastUsed(all));
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const now = this.#parts.now();
    this.#logins.set(hashOf(token), { identity, began: now, used: now, sockets: new Set() });
    return token;
  }

  /** The login of a request's cookie; undefined without one, or if it has ended. */
  of(request: IncomingMessage): Login | undefined {
    const key = keyOf(request);
    const login = key === undefined ? undefined : this.#logins.get(key);
    if (!login) return undefined;
    if (this.#isOver(login)) {
      this.#end(key!);
      return undefined;
    }
    login.used = this.#parts.now();
    return login;
  }

  /** Ends the login of a request's cookie, and closes its WebSockets. */
  end(request: IncomingMessage): void {
    const key = keyOf(request);
    if (key !== undefined) this.#end(key);
  }

  /** Ends the logins that are over; called every minute. */
  sweep(): void {
    for (const [key, login] of this.#logins) {
      if (login.sockets.size > 0) login.used = this.#parts.now();
      if (this.#isOver(login)) this.#end(key);
    }
  }

  #isOver({ identity, began, used }: Login): boolean {
    const now = this.#parts.now();
    if (now - began > LONGEST_MS || now - used > IDLE_MS) return true;
    return !this.#parts.isAdmitted(identity);
  }

  #end(key: string): void {
    const login = this.#logins.get(key);
    this.#logins.delete(key);
    for (const socket of login?.sockets ?? []) socket.destroy();
  }
}

/** Counts the socket as a use of the login until it closes, and closes it when the login ends. */
export function attach({ sockets }: Login, socket: Duplex): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

/**
 * The header that gives the token to the browser; an empty one takes it away. No script can read this cookie, and no
 * page of another site can use it.
 */
export function cookieOf(token: string, request: IncomingMessage): string {
  const seconds = token === '' ? 0 : LONGEST_MS / 1000;
  const secure = isSecure(request) ? '; Secure' : '';
  const rules = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  return `${cookieName(request)}=${token}; ${rules}`;
}

/** Browsers share cookies between the ports of a host, where other gateways may be. Only a page over TLS can set a cookie with `__Host-`. */
function cookieName(request: IncomingMessage): string {
  return `${isSecure(request) ? '__Host-' : ''}cellgate-${request.socket.localPort}`;
}

function isSecure({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket;
}

function keyOf(request: IncomingMessage): string | undefined {
  const start = `${cookieName(request)}=`;
  const pairs = (request.headers.cookie ?? '').split(/; */);
  const token = pairs.find((pair) => pair.startsWith(start))?.slice(start.length);
  return token !== undefined && TOKEN_FORM.test(token) ? hashOf(token) : undefined;
}

function leastUsed(logins: readonly (readonly [string, Login])[]): string {
  return logins.reduce((least, one) => (one[1].used < least[1].used ? one : least))[0];
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
