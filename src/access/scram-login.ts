import { createHmac } from 'node:crypto';
import type { Admission } from './admission.ts';
import type { LoginThrottle } from './login-throttle.ts';
import {
  type ClientFirst,
  formatKeys,
  ITERATIONS,
  KEY_BYTES,
  parseKeys,
  readClientFirst,
  SALT_BYTES,
  ScramError,
  ScramExchange,
} from './scram.ts';

/** A client that logs in with SCRAM-SHA-256. */
export interface ScramRequest {
  readonly address: string;
  readonly clientId: string;
  /** The user that it must be; undefined for any. */
  readonly username: string | undefined;
}

/** The next message for the client, or the end of its login, on success with the last message for it. */
export type ScramStep =
  | { readonly challenge: Buffer }
  | { readonly admission: Admission; readonly last?: Buffer };

export interface ScramParts {
  readonly throttle: LoginThrottle;
  /** The user's keys, in the form of the access file; undefined for a user without, or for none. */
  keysOf(user: string): { readonly isKnown: boolean; readonly stored: string | undefined };
  /** Keys that no password has, the same each time for a name. */
  decoyOf(user: string): string;
  /** The user has proved the password of these keys. */
  admit(user: string, stored: string, clientId: string): Admission;
}

const [BAD_USER_OR_PASSWORD, NOT_AUTHORISED] = [4, 5] as const;

/**
 * One login with SCRAM-SHA-256. A user that does not exist gets a challenge like any other, and is refused after its
 * proof: the answers do not show which users there are.
 */
export class ScramLogin {
  readonly #request: ScramRequest;
  readonly #parts: ScramParts;
  #running:
    | {
        readonly user: string;
        readonly stored: string | undefined;
        readonly exchange: ScramExchange;
      }
    | undefined;

  constructor(request: ScramRequest, parts: ScramParts) {
    this.#request = request;
    this.#parts = parts;
  }

  /** Takes the client's next message. After a step without a challenge the login is over. */
  step(message: Buffer): ScramStep {
    try {
      return this.#running ? this.#prove(message) : this.#begin(readClientFirst(message));
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      return refusal(NOT_AUTHORISED, `its SCRAM login is wrong: ${error.message}`);
    }
  }

  #begin(first: ClientFirst): ScramStep {
    const { username } = this.#request;
    const { user } = first;
    if (username !== undefined && username !== user) {
      return refusal(BAD_USER_OR_PASSWORD, 'its SCRAM login is for another user name');
    }
    if (this.#isPaused(user)) return this.#paused(user);
    const { stored } = this.#parts.keysOf(user);
    // Both in every case, so that both take the same time.
    const decoy = this.#parts.decoyOf(user);
    const exchange = new ScramExchange(first, stored ?? decoy);
    this.#running = { user, stored, exchange };
    return { challenge: exchange.challenge };
  }

  #prove(message: Buffer): ScramStep {
    const { user, stored, exchange } = this.#running!;
    const { throttle, keysOf, admit } = this.#parts;
    const { address, clientId } = this.#request;
    // Many logins may have begun before the first of them was wrong.
    if (this.#isPaused(user)) return this.#paused(user);
    const last = exchange.verify(message);
    if (last === undefined || stored === undefined) {
      throttle.wrong(address, user);
      const clientReason = `wrong user or password: ${shown(user)}`;
      if (!keysOf(user).isKnown || stored !== undefined)
        return refusal(BAD_USER_OR_PASSWORD, clientReason);
      return {
        admission: {
          returnCode: BAD_USER_OR_PASSWORD,
          reason: `the user ${shown(user)} has no keys for SCRAM in the access file: set the password again with "cellgate user add"`,
          clientReason,
        },
      };
    }
    throttle.right(address, user);
    return { admission: admit(user, stored, clientId), last };
  }

  #isPaused(user: string): boolean {
    return this.#parts.throttle.pause(this.#request.address, user) > 0;
  }

  #paused(user: string): ScramStep {
    return refusal(BAD_USER_OR_PASSWORD, `too many wrong passwords for ${shown(user)}`);
  }
}

/** Keys that no password has, the same for a name and a secret: their salt does not show that the user does not exist. */
export function decoyKeys(user: string, secret: Buffer, like: string | undefined): string {
  const salt = createHmac('sha256', secret).update(user).digest().subarray(0, SALT_BYTES);
  const iterations = like === undefined ? ITERATIONS : Number(parseKeys(like).iterations);
  return formatKeys(iterations, salt, Buffer.alloc(KEY_BYTES), Buffer.alloc(KEY_BYTES));
}

function refusal(returnCode: 4 | 5, reason: string): ScramStep {
  return { admission: { returnCode, reason } };
}

/** A name from the network in a form that is safe to log. */
export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
