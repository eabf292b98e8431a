import { type StatWatcher, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import type { Service } from '../base/lifecycle.ts';
import { formatProblem } from '../config/yaml/problem.ts';
import { type AccessRules, readAccess } from './access-file.ts';
import { LoginThrottle } from './login-throttle.ts';
import { PasswordVerifier } from './passwords.ts';
import { Rights } from './rules.ts';

/** Who asks to be let in. */
export interface ConnectRequest {
  readonly address: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** The common name of a certificate that the listener's authority has signed. */
  readonly certificate: string | undefined;
  /** Whether the listener lets in who shows nothing. */
  readonly anonymous: boolean;
}

/** Who was let in; `user` is undefined for an anonymous client. */
export interface Identity {
  readonly user: string | undefined;
  /** What proved it: when it changes in the access file, the client has to prove it anew. */
  readonly proof: string | undefined;
}

export type Admission =
  | { readonly identity: Identity; readonly rights: Rights }
  /** CONNACK's return code [MQTT 3.1.1, table 3.1] and a reason for the log. */
  | { readonly returnCode: 3 | 4 | 5; readonly reason: string };

export interface AccessParts {
  readonly file: string;
  readonly log: Logger;
  /** Milliseconds on a monotonic clock. */
  now(): number;
}

/** How often the access file is looked at. */
const POLL_MS = 1000;
const [UNAVAILABLE, BAD_USER_OR_PASSWORD, NOT_AUTHORISED] = [3, 4, 5] as const;

/** Lets clients in and says what they may do, by the access file as it stands. */
export class Access implements Service {
  readonly name = 'access';
  /** Where the rules stand. */
  readonly file: string;
  /** Called when other rules have come into force. */
  onChanged: (() => void) | undefined;
  readonly #parts: AccessParts;
  readonly #judge = new PasswordVerifier();
  readonly #guesses: LoginThrottle;
  #rules!: AccessRules;
  #trouble: string | undefined;
  #watcher: StatWatcher | undefined;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.file = parts.file;
    this.#guesses = new LoginThrottle(parts.now);
  }

  /** Rejects with the first thing that is wrong with the file. */
  async start(): Promise<void> {
    const { file } = this.#parts;
    const read = await readAccess(file);
    if ('problems' in read) throw new Error(formatProblem(read.problems[0]!, false));
    this.#rules = read.rules;
    this.#watcher = watchFile(file, { interval: POLL_MS, persistent: false }, () => {
      void this.#readAgain();
    });
  }

  async stop(): Promise<void> {
    if (this.#watcher) unwatchFile(this.#parts.file);
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /** A file that is wrong leaves the rules that are in force. */
  async #readAgain(): Promise<void> {
    const { file, log } = this.#parts;
    const read = await readAccess(file);
    if ('problems' in read) {
      const problem = formatProblem(read.problems[0]!, false);
      this.#trouble = `the access file has changed and is wrong, so the rules from before stay: ${problem}`;
      log.error({ file }, this.#trouble);
      return;
    }
    this.#trouble = undefined;
    this.#rules = read.rules;
    log.info({ file, users: read.rules.users.size }, 'other access rules are in force');
    this.onChanged?.();
  }

  async admit(candidate: ConnectRequest): Promise<Admission> {
    const { certificate, username, clientId } = candidate;
    if (certificate !== undefined && username === undefined) return this.#byCertificate(candidate);
    if (username !== undefined) return this.#byPassword(candidate, username);
    if (!candidate.anonymous) return refused(NOT_AUTHORISED, 'no user name');
    const rights = this.rightsOf({ user: undefined, proof: undefined }, clientId);
    if (!rights)
      return refused(NOT_AUTHORISED, 'the access file has no rules for anonymous clients');
    return { identity: { user: undefined, proof: undefined }, rights };
  }

  #byCertificate({ certificate, clientId }: ConnectRequest): Admission {
    const identity = { user: certificate, proof: 'certificate' };
    const rights = this.rightsOf(identity, clientId);
    if (!rights) return refused(NOT_AUTHORISED, `a certificate of ${certificate}, who is no user`);
    return { identity, rights };
  }

  async #byPassword(
    { address, password, clientId }: ConnectRequest,
    user: string,
  ): Promise<Admission> {
    const pause = this.#guesses.pause(address, user);
    if (pause > 0) {
      return refused(BAD_USER_OR_PASSWORD, `too many wrong passwords for ${shown(user)}`);
    }
    const proof = this.#rules.users.get(user)?.password;
    const right = await this.#judge.isRight(password ?? Buffer.alloc(0), proof);
    if (right === undefined) return refused(UNAVAILABLE, 'too many passwords to compare');
    if (!right) {
      this.#guesses.wrong(address, user);
      return refused(BAD_USER_OR_PASSWORD, `wrong user or password: ${shown(user)}`);
    }
    this.#guesses.right(address, user);
    const identity = { user, proof };
    const rights = this.rightsOf(identity, clientId);
    return rights ? { identity, rights } : refused(BAD_USER_OR_PASSWORD, 'no longer a user');
  }

  /** What the client may do by the rules in force; undefined when it would not be let in any more. */
  rightsOf({ user, proof }: Identity, clientId: string): Rights | undefined {
    const { users, clients, anonymous } = this.#rules;
    const own = clients.get(clientId) ?? [];
    if (user === undefined) return anonymous && new Rights([...anonymous, ...own], user, clientId);
    const entry = users.get(user);
    if (!entry || (proof !== 'certificate' && proof !== entry.password)) return undefined;
    return new Rights([...entry.rules, ...own], user, clientId);
  }
}

function refused(returnCode: 3 | 4 | 5, reason: string): Admission {
  return { returnCode, reason };
}

/** A name from the network, as it may stand in the log. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
