import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** The form of a stored password: cost as a power of two, block size, parallelism, salt and hash in base64. */
export const PASSWORD_FORM: RegExp =
  /^scrypt\$1[0-7]\$(?:[1-9]|1[0-6])\$[1-4]\$[A-Za-z0-9+/]{16,88}={0,2}\$[A-Za-z0-9+/]{43,88}={0,2}$/;

/** 16 MiB and some 50 ms on a Pi: what a guess costs. */
const COST = { N: 14, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** The most hashes that are computed at the same time, and that may wait. */
const AT_ONCE = 2;
const WAITING = 64;
/** Recently verified passwords, stored as a keyed hash, so that a thousand reconnects cost nothing. */
const REMEMBERED = 10_000;

/** A password as the access file has it. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(Buffer.from(password), salt, COST, HASH_BYTES);
  const { N, r, p } = COST;
  return ['scrypt', N, r, p, salt.toString('base64'), hash.toString('base64')].join('$');
}

/** Compared if the user does not exist, so that both refusals take the same time. */
const UNKNOWN_USER = `scrypt$${COST.N}$${COST.r}$${COST.p}$${randomBytes(SALT_BYTES).toString('base64')}$${randomBytes(HASH_BYTES).toString('base64')}`;

/** Compares few passwords at the same time, so that password guessing does not slow down connected clients. */
export class PasswordVerifier {
  readonly #key = randomBytes(32);
  #remembered = new Map<string, Buffer>();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** Whether the password is the stored one; undefined when too many others are being compared. */
  async isRight(password: Buffer, stored: string | undefined): Promise<boolean | undefined> {
    const digest = createHmac('sha256', this.#key).update(password).digest();
    const before = stored === undefined ? undefined : this.#remembered.get(stored);
    if (before && timingSafeEqual(before, digest)) return true;
    if (this.#running >= AT_ONCE) {
      if (this.#waiting.length >= WAITING) return undefined;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      const [, N, r, p, salt, hash] = (stored ?? UNKNOWN_USER).split('$');
      const wanted = Buffer.from(hash!, 'base64');
      const cost = { N: Number(N), r: Number(r), p: Number(p) };
      const found = await derive(password, Buffer.from(salt!, 'base64'), cost, wanted.length);
      if (!timingSafeEqual(found, wanted) || stored === undefined) return false;
      if (this.#remembered.size >= REMEMBERED) this.#remembered = new Map();
      this.#remembered.set(stored, digest);
      return true;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

function derive(
  password: Buffer,
  salt: Buffer,
  { N, r, p }: typeof COST,
  bytes: number,
): Promise<Buffer> {
  const options = { N: 2 ** N, r, p, maxmem: 2 * 128 * 2 ** N * r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
