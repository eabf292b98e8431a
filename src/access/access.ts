import { randomBytes } from 'node:crypto';
import { type StatWatcher, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import type { AuditRecord } from '../audit/audit-line.ts';
import type { Service } from '../base/lifecycle.ts';
import { formatProblem } from '../config/yaml/problem.ts';
import { type AccessRules, readAccess } from './access-file.ts';
import type { Admission, Identity } from './admission.ts';
import { LoginThrottle } from './login-throttle.ts';
import { PasswordVerifier } from './passwords.ts';
import { Rights } from './rules.ts';
import { decoyKeys, ScramLogin, type ScramRequest, shown } from './scram-login.ts';
import { userChanges } from './user-changes.ts';

/** A client that wants to connect. */
export interface ConnectRequest {
  readonly address: string;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** The common name of a certificate that the listener's authority has signed. */
  readonly certificate: string | undefined;
  /** A user that has logged in at the page before; absent for none. */
  readonly proven?: Identity | undefined;
  /** Whether the listener admits a client without user and certificate. */
  readonly anonymous: boolean;
  /** Whether the listener trusts the client id of such a client; absent for false. */
  readonly trustClientIds?: boolean | undefined;
}

export interface AccessParts {
  /** The access file; without one, only the listeners decide. */
  readonly file: string | undefined;
  readonly log: Logger;
  /** Milliseconds on a monotonic clock. */
  now(): number;
}

/** What has changed: the rules of the same file, or the file itself. */
export type AccessChange = 'rules' | 'file';

/** A user that changes the access file, and the address of that user. */
export type FileAuthor = Pick<AuditRecord, 'by' | 'address'>;

/** How often the access file is checked for changes. */
const POLL_MS = 1000;
const [UNAVAILABLE, BAD_USER_OR_PASSWORD, NOT_AUTHORISED] = [3, 4, 5] as const;

/** Admits clients and decides what they may do, by the present access file. */
export class Access implements Service {
  readonly name = 'access';
  /** Called when the rules have changed. */
  onChanged: ((change: AccessChange) => void) | undefined;
  /** Called with what has changed in the access file. */
  onUsersChanged: ((changes: readonly AuditRecord[]) => void) | undefined;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #passwords = new PasswordVerifier();
  #throttle: LoginThrottle;
  #file: string | undefined;
  /** The file by which the clients were admitted. */
  #admitting: string | undefined;
  #rules: AccessRules | undefined;
  #trouble: string | undefined;
  #watcher: StatWatcher | undefined;
  #unprovenReported = false;
  /** Who changes the file, while that goes through the gateway. */
  #author: FileAuthor | undefined;
  /** For salts of users that do not exist, where the file has no secret. */
  readonly #secret = randomBytes(32);

  constructor({ file, log, now }: AccessParts) {
    this.#file = file;
    this.#admitting = file;
    this.#log = log;
    this.#now = now;
    this.#throttle = new LoginThrottle(now);
  }

  /** Whether there are access rules; without them every client that a listener accepts may do everything. */
  get hasRules(): boolean {
    return this.#rules !== undefined;
  }

  /** Whether this user, who has proven who it is, may read and change the config; no one may without access rules. */
  mayWriteConfig(user: string | undefined): boolean {
    return user !== undefined && this.#rules?.users.get(user)?.config === 'write';
  }

  /** The present access file; undefined without one. */
  get file(): string | undefined {
    return this.#file;
  }

  /** Rejects with the first problem of the file. */
  async start(): Promise<void> {
    this.#rules = await rulesOf(this.#file);
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#unwatch();
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Changes to another access file, or to none; clients stay until `configApplied`. Rejects when the file is wrong; then
   * nothing has changed.
   */
  async applyConfig(file: string | undefined): Promise<void> {
    if (file === this.#file) return;
    const rules = await rulesOf(file);
    this.#unwatch();
    this.#file = file;
    this.#rules = rules;
    this.#unprovenReported = false;
    this.#trouble = undefined;
    this.#throttle = new LoginThrottle(this.#now);
    this.#watch();
    // Back from a config that was not applied: clients may have come by the other file.
    if (file === this.#admitting) this.onChanged?.('rules');
  }

  /** The other file stays: clients that were admitted by the one before must connect again. */
  configApplied(): void {
    if (this.#file === this.#admitting) return;
    this.#admitting = this.#file;
    this.onChanged?.('file');
  }

  /** Changes the access file by `write`, and puts it in force; `author` is who has made the change. */
  async changeFile(author: FileAuthor, write: () => Promise<void>): Promise<void> {
    this.#author = author;
    try {
      await write();
      await this.#readAgain();
    } finally {
      this.#author = undefined;
    }
  }

  #watch(): void {
    if (this.#file === undefined) return;
    this.#watcher = watchFile(this.#file, { interval: POLL_MS, persistent: false }, () => {
      void this.#readAgain();
    });
  }

  #unwatch(): void {
    if (this.#watcher && this.#file !== undefined) unwatchFile(this.#file);
    this.#watcher = undefined;
  }

  /** With a wrong file the present rules stay. */
  async #readAgain(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    const read = await readAccess(file);
    // A reload may have changed to another file meanwhile.
    if (file !== this.#file) return;
    if ('problems' in read) {
      const problem = formatProblem(read.problems[0]!, false);
      this.#trouble = `the access file has changed and is wrong, so the rules from before stay: ${problem}`;
      this.#log.error({ file }, this.#trouble);
      return;
    }
    this.#trouble = undefined;
    const changes = this.#rules ? userChanges(this.#rules, read.rules) : [];
    this.#rules = read.rules;
    this.#unprovenReported = false;
    this.#log.info({ file, users: read.rules.users.size }, 'other access rules are in force');
    this.onChanged?.('rules');
    const author = this.#author;
    this.onUsersChanged?.(author ? changes.map((change) => ({ ...change, ...author })) : changes);
  }

  /** Decides about a client; to be called only if there are rules. */
  async admit(request: ConnectRequest): Promise<Admission> {
    const { certificate, username, clientId, trustClientIds, proven } = request;
    if (certificate !== undefined && username === undefined) return this.#byCertificate(request);
    if (username !== undefined) return this.#byPassword(request, username);
    if (proven) return this.#again(proven, clientId);
    if (!request.anonymous) return refused(NOT_AUTHORISED, 'no user name');
    const identity = { user: undefined, proof: undefined, trustClientIds };
    const rights = this.rightsOf(identity, clientId);
    if (!rights)
      return refused(NOT_AUTHORISED, 'the access file has no rules for anonymous clients');
    if (!trustClientIds) this.#reportUnproven(clientId);
    return { identity, rights };
  }

  /** Logged once for each access file: any number of clients can claim such an id. */
  #reportUnproven(client: string): void {
    if (this.#unprovenReported || !this.#rules?.clients.has(client)) return;
    this.#unprovenReported = true;
    this.#log.warn(
      { client },
      'the rules of this client id do not hold for a client without user and certificate, see trustClientIds; other such clients are not logged',
    );
  }

  #byCertificate({ certificate, clientId }: ConnectRequest): Admission {
    const identity = { user: certificate, proof: 'certificate' };
    const rights = this.rightsOf(identity, clientId);
    if (!rights)
      return refused(NOT_AUTHORISED, `a certificate of ${certificate}, which is no user`);
    return { identity, rights };
  }

  /** A user that was admitted before: still by the same password. */
  #again(identity: Identity, clientId: string): Admission {
    const rights = this.rightsOf(identity, clientId);
    return rights ? { identity, rights } : refused(NOT_AUTHORISED, 'its login has ended');
  }

  async #byPassword(
    { address, password, clientId }: ConnectRequest,
    user: string,
  ): Promise<Admission> {
    const pause = this.#throttle.pause(address, user);
    if (pause > 0) {
      return refused(BAD_USER_OR_PASSWORD, `too many wrong passwords for ${shown(user)}`);
    }
    const proof = this.#rules?.users.get(user)?.password;
    const right = await this.#passwords.isRight(password ?? Buffer.alloc(0), proof);
    if (right === undefined) return refused(UNAVAILABLE, 'too many passwords to compare');
    if (!right) {
      this.#throttle.wrong(address, user);
      return refused(BAD_USER_OR_PASSWORD, `wrong user or password: ${shown(user)}`);
    }
    this.#throttle.right(address, user);
    const identity = { user, proof };
    const rights = this.rightsOf(identity, clientId);
    return rights ? { identity, rights } : refused(BAD_USER_OR_PASSWORD, 'no longer a user');
  }

  /** Begins a login with SCRAM-SHA-256; to be called only if there are rules. */
  scram(request: ScramRequest): ScramLogin {
    return new ScramLogin(request, {
      throttle: this.#throttle,
      keysOf: (user) => {
        const entry = this.#rules?.users.get(user);
        return { isKnown: entry !== undefined, stored: entry?.scram };
      },
      decoyOf: (user) => {
        const { scramSecret = this.#secret, scramExample } = this.#rules ?? {};
        return decoyKeys(user, scramSecret, scramExample);
      },
      admit: (user, proof, clientId) => {
        const identity = { user, proof };
        const rights = this.rightsOf(identity, clientId);
        return rights ? { identity, rights } : refused(BAD_USER_OR_PASSWORD, 'no longer a user');
      },
    });
  }

  /** What the client may do by the rules in force; undefined when it would no longer be admitted. */
  rightsOf({ user, proof, trustClientIds }: Identity, clientId: string): Rights | undefined {
    if (!this.#rules) return undefined;
    const { users, clients, anonymous } = this.#rules;
    const own = clients.get(clientId) ?? [];
    if (user === undefined) {
      if (!anonymous) return undefined;
      // Every client can claim any client id: without a proof it gives no rights.
      return trustClientIds
        ? new Rights([...anonymous, ...own], user, clientId)
        : new Rights(anonymous, user, undefined);
    }
    const entry = users.get(user);
    if (!entry) return undefined;
    const { password, scram } = entry;
    if (proof === undefined || !['certificate', password, scram].includes(proof)) return undefined;
    return new Rights([...entry.rules, ...own], user, clientId);
  }
}

/** The rules of an access file; undefined without one. Rejects with its first problem. */
async function rulesOf(file: string | undefined): Promise<AccessRules | undefined> {
  if (file === undefined) return undefined;
  const read = await readAccess(file);
  if ('problems' in read) throw new Error(formatProblem(read.problems[0]!, false));
  return read.rules;
}

function refused(returnCode: 3 | 4 | 5, reason: string): Admission {
  return { returnCode, reason };
}
